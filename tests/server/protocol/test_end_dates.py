"""End dates of grants: on their day they end, and what would outlive them ends when it is set."""

import pytest

from counterfoil.server.protocol import end_dates
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, Person, token_request

pytestmark = pytest.mark.anyio

DAY = 86_400


async def grant_of(person: Person) -> Grant | None:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.grants.between(person.user_id, "app"))


async def limit(person: Person, ends_at: int | None) -> int:
    grant = await grant_of(person)
    assert grant is not None
    return await person.installation.authority.store.transact(
        lambda tx: end_dates.limit_grant(tx, grant, ends_at, CLI)
    )


async def latest(place: Installation) -> Event:
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    return event


async def end_due(place: Installation) -> int:
    return await place.authority.store.transact(end_dates.end_due)


async def refresh(place: Installation, tokens: dict[str, str]):
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await token_request(place, "app", **form)


async def test_a_grant_ends_on_its_day_with_all_under_it(place: Installation, person: Person):
    """S13: with an event; and nothing is due again."""
    tokens = await person.tokens(scope="openid notes:read offline_access")
    end = int(place.clock()) + 2 * DAY
    assert await limit(person, end) == 0
    event = await latest(place)
    assert (event.kind, event.actor) == (EventKind.GRANT_LIMITED, "cli")
    whose = {"client_id": "app", "user_id": person.user_id}
    assert event.detail == {"until": str(end), **whose}
    assert await end_due(place) == 0
    place.clock.turn(2 * DAY)
    assert await end_due(place) == 1
    assert await grant_of(person) is None
    events = await place.authority.store.read(lambda tx: tx.events.latest(2))
    assert {(each.kind, each.actor) for each in events} == {
        (EventKind.GRANT_ENDED, "janitor"),
        (EventKind.FAMILY_ENDED, "janitor"),
    }
    assert await end_due(place) == 0
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


async def test_what_is_issued_under_it_is_clipped(place: Installation, person: Person):
    """S13: access tokens and refresh tokens end with it, though nobody has swept it yet."""
    tokens = await person.tokens(scope="openid notes:read offline_access")
    await limit(person, int(place.clock()) + 4000)
    place.clock.turn(3000)
    answer = (await refresh(place, tokens)).json()
    assert answer["expires_in"] == 1000
    said = (await place.post("/introspect", "app", token=answer["refresh_token"])).json()
    assert said["exp"] == int(place.clock()) + 1000
    place.clock.turn(1000)
    for name in ("access_token", "refresh_token"):
        said = (await place.post("/introspect", "app", token=answer[name])).json()
        assert said == {"active": False}
    refused = (await refresh(place, answer)).json()
    assert refused["error"] == "invalid_grant"


async def test_an_earlier_end_ends_what_reaches_beyond_it(
    place: Installation, person: Person, visitor: Person
):
    """S13: as un-ticking a permission does; a family whose tokens end in time goes on."""
    beyond = await person.tokens()
    assert await limit(person, int(place.clock()) + 3600) == 0
    assert await limit(person, int(place.clock()) + 3599) == 1
    said = await place.post("/introspect", "app", token=beyond["access_token"])
    assert said.json() == {"active": False}
    later = await visitor.tokens()
    assert later["expires_in"] == 3599
    assert await limit(person, int(place.clock()) + 3599) == 0
    assert await limit(person, None) == 0
    assert (await refresh(place, later)).status_code == 200


async def test_a_grant_that_has_ended_is_not_limited(place: Installation, person: Person):
    await person.tokens()
    grant = await grant_of(person)
    assert grant is not None

    async def work(tx: Transaction) -> int:
        await tx.grants.end(grant.id, tx.now)
        return await end_dates.limit_grant(tx, grant, tx.now + 1, CLI)

    assert await place.authority.store.transact(work) == 0
    assert (await latest(place)).kind is not EventKind.GRANT_LIMITED
