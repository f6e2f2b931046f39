"""My account, apps: one row per app, and three verbs."""

import re
from urllib.parse import urlsplit

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.allowances import USES
from counterfoil.server.records.allowance import Take
from counterfoil.server.records.family import Family
from tests.installation import CALLBACK, Installation, Person
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


async def test_an_app_stands_there_once_however_many_sessions(person: Person, visitor: Person):
    """S01: one row for the app; S06: opening to its sessions."""
    for each in (person, person, visitor):
        await each.tokens()
    page = await apps_page(person)
    rows = [each for each in page.all("details") if each.attributes.get("class") == "app"]
    assert len(rows) == 1
    assert "3 sessions" in " ".join(rows[0].text.split())
    links = [link.attributes["href"] for link in page.all("a")]
    assert len([link for link in links if link.startswith("/account/end/family/")]) == 3


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


async def test_who_is_not_signed_in_is_led_to_the_sign_in(visitor: Person):
    for answer in (
        await visitor.browser.get("/account/apps"),
        await visitor.browser.get("/account/devices"),
    ):
        assert urlsplit(answer.headers["location"]).path == "/sign-in"


async def test_the_home_page_knows_who_is_there(person: Person):
    assert person.email not in (await person.browser.get("/")).text
    await person.code()
    page = await person.browser.get("/")
    assert person.email in page.text
    assert CALLBACK not in page.text


async def test_an_app_s_limited_tokens_stand_with_what_is_left(place: Installation, person: Person):
    """S54: as long as they can be used, and no longer."""
    token = (await person.exchange(await person.code(), max_uses="3")).json()["access_token"]
    jti = unverified_claims(token)["jti"]
    other = (await person.exchange(await person.code(), max_uses="9")).json()["access_token"]
    assert "3 of 3 uses left, until" in await told(person)
    for number, left in enumerate(("1 of 3 uses left", "")):
        one = Take(jti, USES, f"{number}" * 22, "guard", 2 - number, 1)
        await place.authority.store.transact(lambda tx, one=one: tx.allowances.take(one))
        assert left in await told(person)
    assert "of 3" not in await told(person)
    assert "9 of 9 uses left" in await told(person)
    await place.post("/revoke", "app", token=other)
    assert "uses left" not in await told(person)


async def told(person: Person) -> str:
    (row,) = (await apps_page(person)).all("details")
    return " ".join(row.text.split())
