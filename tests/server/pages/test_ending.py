"""Ending what is one's own: it says what will end, ends it once, and gives the receipt."""

import re
from urllib.parse import urlsplit

import httpx2
import pytest

from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.session import Session
from tests.installation import Installation, Person, endings_in, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio


async def families_of(person: Person) -> list[Family]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.families.live_of_user(person.user_id))


async def sessions_of(person: Person) -> list[Session]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.sessions.of_user(person.user_id))


async def csrf_of(person: Person) -> dict[str, str]:
    return hidden_fields((await person.browser.get("/account/apps")).text)


async def end(person: Person, verb: str) -> httpx2.Response:
    """Open the page that asks, and press its button."""
    asked = await person.browser.get(f"/account/end/{verb}")
    assert asked.status_code == 200
    return await person.browser.post(f"/account/end/{verb}", data=hidden_fields(asked.text))


async def test_it_says_what_will_end_and_changes_nothing(person: Person, visitor: Person):
    """S03: before anything is done; as often as one likes."""
    await person.tokens()
    await visitor.tokens()
    grant = (await families_of(person))[0].grant_id
    for _ in range(2):
        page = await person.browser.get(f"/account/end/grant/{grant}")
        assert "App loses its permission, and 2 sessions end, with all their tokens." in page.text
        assert "Remove this app?" in page.text
    assert len(await families_of(person)) == 2


async def test_one_session_is_ended_and_no_other(person: Person, visitor: Person):
    """S05."""
    await person.tokens()
    await visitor.tokens()
    first, second = await families_of(person)
    page = await end(person, f"family/{first.id}")
    assert "1 session of an app ended." in page.text
    assert [family.id for family in await families_of(person)] == [second.id]


async def test_an_app_is_signed_out_and_keeps_its_permission(person: Person):
    """S44."""
    await person.tokens()
    (family,) = await families_of(person)
    await end(person, f"app_sessions/{family.grant_id}")
    assert await families_of(person) == []
    page = Document((await person.browser.get("/account/apps")).text)
    assert len(page.all("details")) == 1


async def test_an_app_is_removed(person: Person):
    """S03, S46."""
    await person.tokens()
    (family,) = await families_of(person)
    await end(person, f"grant/{family.grant_id}")
    assert "No apps yet" in (await person.browser.get("/account/apps")).text


async def test_another_browser_is_signed_out(person: Person, visitor: Person):
    """S05, S47: it is out at its next click, and this one goes on."""
    await person.tokens()
    await visitor.tokens()
    (theirs,) = [each for each in await families_of(person) if not await is_here(person, each)]
    page = await end(person, f"session/{theirs.session_id}")
    assert "1 browser was signed out and 1 session of an app ended." in page.text
    assert (await visitor.browser.get("/account/apps")).status_code == 303
    assert (await person.browser.get("/account/apps")).status_code == 200


async def is_here(person: Person, family: Family) -> bool:
    page = await person.browser.get("/account/devices")
    here = page.text.partition("This browser")[2]
    (session_id,) = re.findall(r"/account/end/session/([^\"]+)", here.partition("</li>")[0])
    return session_id == family.session_id


async def test_everything_ends_and_this_browser_too(person: Person, visitor: Person):
    """S47: offline ones too; afterwards one signs in anew."""
    await person.tokens(scope="openid offline_access notes:read")
    await visitor.tokens()
    asked = await person.browser.get(f"/account/end/user/{person.user_id}")
    assert "2 browsers and 2 sessions of apps (App)" in asked.text
    assert "you will have to sign in again" in asked.text
    page = await end(person, f"user/{person.user_id}")
    assert "2 browsers were signed out and 2 sessions of apps ended." in page.text
    assert await families_of(person) == await sessions_of(person) == []
    assert "counterfoil_session" not in person.browser.cookies
    for each in (person, visitor):
        assert (await each.browser.get("/account/apps")).status_code == 303


async def test_the_answer_is_a_receipt(place: Installation, person: Person):
    """A guard that has read so far refuses what has ended."""
    await person.tokens()
    (family,) = await families_of(person)
    page = await end(person, f"family/{family.id}")
    assert str(place.authority.hub.position) in page.text


async def test_nothing_ends_twice(place: Installation, person: Person):
    """Reloading the answer sends the form again: it says that nothing was left, and writes none."""
    await person.tokens()
    (family,) = await families_of(person)
    await end(person, f"family/{family.id}")
    before = place.authority.hub.position
    asked = await person.browser.get(f"/account/end/family/{family.id}")
    assert "Nothing is left to end." in asked.text
    assert len(Document(asked.text).all("form")) == 1, "of the masthead: there is nothing to ask"
    again = await person.browser.post(
        f"/account/end/family/{family.id}", data=await csrf_of(person)
    )
    assert "Nothing was left to end" in again.text
    assert place.authority.hub.position == before


@pytest.mark.parametrize("verb", ["family", "app_sessions", "grant", "session", "user"])
async def test_nobody_ends_what_is_another_persons(place: Installation, person: Person, verb: str):
    """S103: names in the URL give no right, and the answer does not tell whether they exist."""
    await person.tokens()
    (family,) = await families_of(person)
    names = {"family": family.id, "session": family.session_id, "user": person.user_id}
    await place.add_user(f"mallory-{verb}@example.com")
    async with place.browser() as browser:
        mallory = Person(place, browser, f"mallory-{verb}@example.com", "unknown")
        await mallory.tokens()
        fields = await csrf_of(mallory)
        path = f"/account/end/{verb}/{names.get(verb, family.grant_id)}"
        for answer in (await browser.get(path), await browser.post(path, data=fields)):
            assert answer.status_code == 400
            assert "There is no" in answer.text
            assert person.email not in answer.text
    assert [each.id for each in await families_of(person)] == [family.id]
    assert len(await sessions_of(person)) == 1


@pytest.mark.parametrize("verb", ["grant", "app_sessions"])
async def test_a_foreign_form_does_nothing(person: Person, verb: str):
    """S74."""
    await person.tokens()
    (family,) = await families_of(person)
    path = f"/account/end/{verb}/{family.grant_id}"
    assert (await person.browser.post(path, data={"csrf": "x"})).status_code == 403
    foreign = {"sec-fetch-site": "cross-site"}
    answer = await person.browser.post(path, data=await csrf_of(person), headers=foreign)
    assert answer.status_code == 403
    assert len(await families_of(person)) == 1


async def test_who_is_not_signed_in_is_led_to_the_sign_in(visitor: Person):
    for answer in (
        await visitor.browser.get("/account/end/grant/x"),
        await visitor.browser.post("/account/end/grant/x", data={"csrf": "x"}),
    ):
        assert urlsplit(answer.headers["location"]).path == "/sign-in"


async def test_who_did_it_is_written_down(place: Installation, person: Person):
    """S111: one event of its own kind, and a line for the family under it."""
    await person.tokens()
    (family,) = await families_of(person)
    await end(person, f"grant/{family.grant_id}")
    events = await place.authority.store.read(lambda tx: tx.events.latest(2))
    assert [event.kind for event in events] == [EventKind.FAMILY_ENDED, EventKind.GRANT_ENDED]
    assert {event.actor for event in events} == {f"user:{person.user_id}"}
    assert {event.address for event in events} == {"127.0.0.1"}


async def test_every_verb_of_the_account_leads_to_a_page_that_asks(person: Person):
    await person.tokens()
    pages = [(await person.browser.get(f"/account/{room}")).text for room in ("apps", "devices")]
    verbs = [verb for page in pages for verb in endings_in(page)]
    assert {verb.split("/")[3] for verb in verbs} == {
        "family", "app_sessions", "grant", "session", "user",
    }  # fmt: skip
    for verb in verbs:
        page = Document((await person.browser.get(verb)).text)
        assert page.actions() == ["/account/sign-out", verb]
