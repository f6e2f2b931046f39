"""My account, apps: one row per app, and three verbs."""

import re
from urllib.parse import urlsplit

import pytest

from counterfoil.server.records.family import Family
from tests.installation import CALLBACK, Installation, Person, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Safari/604.1"


async def apps_page(person: Person) -> Document:
    page = await person.browser.get("/account/apps")
    assert page.status_code == 200
    return Document(page.text)


async def families_of(person: Person) -> list[Family]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.families.live_of_user(person.user_id))


async def do(person: Person, action: str, csrf: str = ""):
    token = csrf or hidden_fields((await person.browser.get("/account/apps")).text)["csrf"]
    return await person.browser.post(action, data={"csrf": token})


async def test_an_app_stands_there_once_however_many_sessions(person: Person, visitor: Person):
    """S01: one row for the app; S06: opening to its sessions."""
    for each in (person, person, visitor):
        await each.tokens()
    page = await apps_page(person)
    rows = [each for each in page.all("details") if each.attributes.get("class") == "app"]
    assert len(rows) == 1
    assert "3 sessions" in " ".join(rows[0].text.split())
    ends = [action for action in page.actions() if action.endswith("/end")]
    assert len(ends) == 3


async def test_each_app_has_its_row(place: Installation, person: Person):
    """S03: all apps that were let in, and no other."""
    await person.tokens()
    place.clock.turn(1)
    await person.tokens("spa")
    headings = [each.text for each in (await apps_page(person)).all("h2")]
    assert headings == ["App", "Spa"]


async def test_sessions_show_device_place_and_last_use(
    place: Installation, person: Person, visitor: Person
):
    """S06: which of them is the one that should end."""
    person.browser.headers["user-agent"] = FIREFOX
    visitor.browser.headers["user-agent"] = IPHONE
    await visitor.tokens(scope="openid notes:read offline_access")
    place.clock.turn(7200)
    await person.tokens()
    (row,) = (await apps_page(person)).all("details")
    text = " ".join(row.text.split())
    assert re.search(r"Firefox on Linux 127\.0\.0\.1 · Last used just now This browser", text)
    assert re.search(
        r"Safari on iPhone 127\.0\.0\.1 · Last used 2 hours ago Works while you are away", text
    )


async def test_permissions_stand_in_plain_words(person: Person):
    """S03."""
    await person.tokens(scope="openid email notes:read")
    (row,) = (await apps_page(person)).all("details")
    assert "See your email address" in row.text
    assert "Read your notes" in row.text
    assert "notes:read" not in row.text


async def test_a_row_without_sessions_stays(place: Installation, person: Person):
    """S04: the permission outlives its sessions."""
    await person.code()
    (row,) = (await apps_page(person)).all("details")
    assert "Nowhere at the moment." in row.text
    assert "0 sessions" in " ".join(row.text.split())


async def test_one_session_is_ended_and_no_other(person: Person, visitor: Person):
    """S05."""
    await person.tokens()
    await visitor.tokens()
    first, second = await families_of(person)
    answer = await do(person, f"/account/apps/{first.grant_id}/sessions/{first.id}/end")
    assert answer.headers["location"] == "/account/apps?done=session"
    assert [family.id for family in await families_of(person)] == [second.id]
    page = await person.browser.get("/account/apps?done=session")
    assert "The session has been ended." in page.text


async def test_an_app_is_signed_out_and_keeps_its_permission(person: Person):
    """S44."""
    await person.tokens()
    (family,) = await families_of(person)
    answer = await do(person, f"/account/apps/{family.grant_id}/sign-out")
    assert answer.headers["location"] == "/account/apps?done=signed-out"
    assert await families_of(person) == []
    assert len((await apps_page(person)).all("details")) == 1


async def test_an_app_is_removed(person: Person):
    """S03, S46."""
    await person.tokens()
    (family,) = await families_of(person)
    answer = await do(person, f"/account/apps/{family.grant_id}/remove")
    assert answer.headers["location"] == "/account/apps?done=removed"
    assert "No apps yet" in (await person.browser.get("/account/apps")).text


@pytest.mark.parametrize("verb", ["remove", "sign-out", "sessions/{family}/end"])
async def test_nobody_ends_what_is_another_persons(place: Installation, person: Person, verb: str):
    """S103: names in the URL give no right."""
    await person.tokens()
    (family,) = await families_of(person)
    await place.add_user(f"mallory-{verb[:4]}@example.com")
    async with place.browser() as browser:
        mallory = Person(place, browser, f"mallory-{verb[:4]}@example.com")
        await mallory.tokens()
        path = verb.format(family=family.id)
        await do(mallory, f"/account/apps/{family.grant_id}/{path}")
    assert [each.id for each in await families_of(person)] == [family.id]


async def test_a_session_ends_only_under_its_own_app(person: Person):
    await person.tokens()
    await person.tokens("spa")
    one, other = await families_of(person)
    await do(person, f"/account/apps/{one.grant_id}/sessions/{other.id}/end")
    assert len(await families_of(person)) == 2


@pytest.mark.parametrize("verb", ["remove", "sign-out"])
async def test_a_foreign_form_does_nothing(person: Person, verb: str):
    """S74."""
    await person.tokens()
    (family,) = await families_of(person)
    answer = await do(person, f"/account/apps/{family.grant_id}/{verb}", csrf="x")
    assert answer.status_code == 403
    assert len(await families_of(person)) == 1


async def test_who_is_not_signed_in_is_led_to_the_sign_in(visitor: Person):
    for answer in (
        await visitor.browser.get("/account/apps"),
        await visitor.browser.post("/account/apps/x/remove", data={"csrf": "x"}),
    ):
        assert urlsplit(answer.headers["location"]).path == "/sign-in"


async def test_who_did_it_is_written_down(place: Installation, person: Person):
    """S111."""
    await person.tokens()
    (family,) = await families_of(person)
    await do(person, f"/account/apps/{family.grant_id}/remove")
    events = await place.authority.store.read(lambda tx: tx.events.latest(2))
    assert {event.actor for event in events} == {f"user:{person.user_id}"}
    assert {event.address for event in events} == {"127.0.0.1"}


async def test_the_home_page_knows_who_is_there(person: Person):
    assert person.email not in (await person.browser.get("/")).text
    await person.code()
    page = await person.browser.get("/")
    assert person.email in page.text
    assert CALLBACK not in page.text


async def test_an_unknown_word_shows_no_notice(person: Person):
    """S103: nobody puts words into our mouth by a link."""
    await person.code()
    page = await person.browser.get("/account/apps?done=you+have+won")
    assert "you have won" not in page.text
