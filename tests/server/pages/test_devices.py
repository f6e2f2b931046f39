"""My account, devices: browsers and apps by device and place; one ends, or all the others (S06)."""

import re
from pathlib import Path

import pytest

from counterfoil.server.pages.account_views import DeviceRow
from counterfoil.server.pages.devices import Seen, grouped
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.session import Origin
from tests.installation import Installation, Person, hidden_fields, installed
from tests.mmdb import BERLIN, write
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEWER = FIREFOX.replace("140", "141")
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Safari/604.1"


async def devices_page(person: Person) -> Document:
    page = await person.browser.get("/account/devices")
    assert page.status_code == 200
    return Document(page.text)


def text_of(page: Document) -> str:
    return " ".join(page.all("main")[0].text.split())


async def test_browsers_and_their_apps_stand_by_device_and_place(
    place: Installation, person: Person, visitor: Person
):
    """S06, S47: which of them is the one that should end; this one is marked, and comes first."""
    visitor.browser.headers["user-agent"] = IPHONE
    await visitor.tokens()
    await visitor.tokens(scope="openid notes:read offline_access")
    place.clock.turn(7200)
    person.browser.headers["user-agent"] = FIREFOX
    await person.code()
    page = await devices_page(person)
    headings = [" ".join(each.text.split()) for each in page.all("h2")]
    assert headings == [
        "Firefox on Linux at 127.0.0.1",
        "Safari on iPhone at 127.0.0.1",
        "All at once",
    ]
    text = text_of(page)
    assert text.count("This browser Sign this browser out") == 1
    assert re.search(r"Safari on iPhone at 127.0.0.1 Last used 2 hours ago Browser Since", text)
    assert text.count("In this browser") == 1
    assert text.count("Works while you are away") == 1
    links = [link.attributes["href"] for link in page.all("a")]
    assert len([link for link in links if link.startswith("/account/end/session/")]) == 2
    assert len([link for link in links if link.startswith("/account/end/family/")]) == 2
    assert f"/account/end/user/{person.user_id}" in links


def seen(name: str, agent: str, address: str, at: int, *, current: bool = False) -> Seen:
    row = DeviceRow(
        kind="session", name=name, title="Browser", since="", last_used="", current=current
    )
    return Seen(Origin(address, agent), at, row)


def test_two_versions_of_a_browser_at_one_place_are_one_group_and_two_places_are_two():
    found = grouped(
        [
            seen("a", FIREFOX, "192.0.2.1", 10),
            seen("b", NEWER, "192.0.2.1", 30),
            seen("c", FIREFOX, "192.0.2.2", 20),
            seen("d", IPHONE, "192.0.2.1", 5, current=True),
        ],
        lambda origin: origin.address,
        40,
    )
    assert [[row.name for row in group.rows] for group in found] == [["d"], ["b", "a"], ["c"]]


async def test_a_browser_that_was_left_alone_is_shown_as_asleep(
    place: Installation, person: Person, visitor: Person
):
    """It has to sign in again, and what apps do in it can still be ended here."""
    await visitor.code()
    place.clock.turn(place.authority.settings.session_idle_lifetime)
    await person.code()
    assert text_of(await devices_page(person)).count("Has to sign in again") == 1


async def test_all_others_end_and_this_one_goes_on(
    place: Installation, person: Person, visitor: Person
):
    """S05: the offline app of another device too; and what is done here stays."""
    here = await person.tokens()
    there = await visitor.tokens(scope="openid notes:read offline_access")
    asked = await person.browser.get("/account/devices/others")
    assert "1 other browser will be signed out, and 1 session of apps elsewhere" in asked.text
    done = await person.browser.post("/account/devices/others", data=hidden_fields(asked.text))
    assert done.status_code == 200
    assert "1 browser was signed out and 1 session of an app ended." in done.text
    assert str(place.authority.hub.position) in done.text
    for tokens, active in ((here, True), (there, False)):
        answer = await place.post("/introspect", "app", token=tokens["access_token"])
        assert answer.json()["active"] is active
    assert (await visitor.browser.get("/account/apps")).status_code == 303
    assert (await person.browser.get("/account/apps")).status_code == 200
    query = EventQuery(kind=EventKind.SESSION_ENDED)
    (event,) = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert event.detail["why"] == "signed_out_elsewhere"
    again = await person.browser.get("/account/devices/others")
    assert "You are signed in nowhere else." in again.text


async def test_a_foreign_form_ends_nothing(person: Person, visitor: Person):
    """S74."""
    await person.code()
    await visitor.code()
    page = await visitor.browser.get("/account/devices/others")
    fields = hidden_fields(page.text)
    refused = await person.browser.post("/account/devices/others", data=fields)
    assert refused.status_code == 403
    assert (await visitor.browser.get("/account/apps")).status_code == 200


async def test_places_are_named_where_a_file_knows_them(tmp_path: Path):
    """S06: the place is a guess, so the address stands beside it."""
    places = write(tmp_path / "places.mmdb", {"192.0.2.0/24": BERLIN})
    proxied = {"trusted_proxies": ["127.0.0.1"], "places_file": str(places)}
    async with installed(tmp_path / "data", **proxied) as place, place.browser() as browser:
        browser.headers |= {"user-agent": FIREFOX, "x-forwarded-for": "192.0.2.7"}
        person = Person(place, browser)
        await person.code()
        page = await devices_page(person)
        heading = " ".join(page.all("h2")[0].text.split())
        assert heading == "Firefox on Linux at Berlin, Germany (192.0.2.7)"
