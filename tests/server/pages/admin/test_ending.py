"""Endings by an administrator: said, asked, done, with the receipt."""

import pytest

from counterfoil.server.pages.admin.ending import TITLES
from counterfoil.server.protocol.endings import Ends
from counterfoil.server.records.event import EventKind
from tests.installation import NOTES, Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio


async def end(boss: Person, kind: str, name: str):
    """Open the page that asks, and press its button; gives both pages."""
    asked = await boss.browser.get("/admin/end", params={"kind": kind, "name": name})
    assert asked.status_code == 200, asked.text
    done = await boss.browser.post("/admin/end", data=hidden_fields(asked.text))
    return asked, done


def test_everything_that_can_be_ended_has_its_question() -> None:
    assert TITLES.keys() == set(Ends)


async def test_a_grant_is_said_and_then_ended(
    place: Installation, boss: Person, person: Person
) -> None:
    await person.tokens()
    (grant,) = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    params = {"kind": "grant", "name": grant.id}
    for _ in range(2):
        page = await boss.browser.get("/admin/end", params=params)
        assert "App loses its permission, and 1 session ends" in page.text
    assert await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    _, done = await end(boss, "grant", grant.id)
    assert "It has ended" in done.text
    assert str(place.authority.hub.position) in done.text
    assert await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id)) == []
    events = await place.authority.store.read(lambda tx: tx.events.latest(5))
    ended = next(each for each in events if each.kind is EventKind.GRANT_ENDED)
    assert ended.actor == f"user:{boss.user_id}"
    page = await boss.browser.get("/admin/end", params=params)
    assert "Nothing is left to end." in page.text
    assert "<button" not in page.text.partition("<main")[2]


async def test_tokens_of_a_client_an_api_and_a_key(
    place: Installation, boss: Person, person: Person
) -> None:
    kid = (await boss.browser.get("/notices/jwks.json")).json()["keys"][0]["kid"]
    for kind, name in (("client", "service"), ("api", NOTES), ("key", kid)):
        asked, done = await end(boss, kind, name)
        assert "End it" in asked.text
        assert "It has ended" in done.text
        assert "has ended" in done.text


async def test_one_may_end_oneself_and_is_told_before(boss: Person) -> None:
    asked, done = await end(boss, "user", boss.user_id)
    assert "The browser that you are using is signed out by this" in asked.text
    assert "Sign in again" in done.text
    assert (await boss.browser.get("/admin/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "query",
    [{}, {"kind": "grant"}, {"kind": "planet", "name": "x"}, {"kind": "grant", "name": "x"}],
)
async def test_what_cannot_be_ended_is_refused(boss: Person, query: dict[str, str]) -> None:
    assert (await boss.browser.get("/admin/end", params=query)).status_code == 400
