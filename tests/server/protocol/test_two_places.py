"""One token in two places at once: told once, ended where its client's policy says so (S106)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration, two_places
from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.explain import explain
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.sighting import MOST_PLACES, PAUSE, Stay
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, Person, installed
from tests.reporting import AWAY, HOME, WORK, add_guard, sighting, taken, told, used

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await add_guard(place)
        yield place


@pytest.fixture
async def token(place: Installation) -> AsyncIterator[str]:
    async with place.browser() as browser:
        person = Person(place, browser)
        token = str((await person.tokens())["access_token"])
        place.clock.turn(200)
        yield token


async def set_policy(place: Installation, client_id: str, in_two_places: str) -> None:
    async def work(tx: Transaction) -> None:
        client = await tx.clients.find(client_id)
        assert client is not None
        policy = replace(client.policy, in_two_places=in_two_places)
        wanted = replace(client, policy=policy)
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


async def stays_of(place: Installation, token: str) -> list[Stay]:
    jti = unverified_claims(token)["jti"]
    return await place.authority.store.read(lambda tx: tx.sightings.of_token(jti))


async def refusal(place: Installation, token: str) -> Reason | None:
    read = await place.authority.reader.read(token, place.clock())
    return read if isinstance(read, Reason) else None


async def test_use_in_turn_is_told_with_places_and_times(place: Installation, token: str):
    """S106: an event that says which token, whose, and where it was when."""
    await used(place, token, HOME, -60, -40, 0)
    await used(place, token, WORK, -20)
    [event] = await told(place)
    claims, now = unverified_claims(token), int(place.clock())
    assert event.subject == claims["jti"]
    assert event.actor == "client:guard"
    assert event.proof.startswith("secret:")
    assert event.detail == {
        "client_id": "app",
        "family_id": claims["fam"],
        "user_id": claims["sub"],
        "places": f"{WORK} {HOME}",
        "seen": f"{now - 20}-{now - 20} {now - 60}-{now}",
        "counts": "1 3",
        "score": "40",
        "reasons": "One token was used in two networks at once. Where they are is not known.",
        "said": '[["One token was used in two networks at once.","",0,{}],'
        '["Where they are is not known.","",0,{}]]',
        "done": "",
    }
    assert await refusal(place, token) is None, "the policy only records"


async def test_it_is_told_once_of_each_two_places(place: Installation, token: str):
    """However long it goes on, and whoever reports."""
    for _ in range(3):
        for where in (HOME, WORK):
            await used(place, token, where, -20, 0)
        place.clock.turn(30)
    assert len(await told(place)) == 1
    await used(place, token, AWAY, -60)
    assert len(await told(place)) == 3


async def test_who_moves_once_is_in_one_place(place: Installation, token: str):
    """S106: a phone that leaves the Wi-Fi, or a carrier that changes addresses in a network."""
    await used(place, token, HOME, -100, -50)
    await used(place, token, WORK, -45, 0)
    await used(place, token, "198.51.100.77", -3, 0)
    assert await told(place) == []
    place.clock.turn(PAUSE + 60)
    await used(place, token, HOME, 0)
    assert await told(place) == [], "home again after a pause: a new stay"


async def test_use_counts_as_one_stay_however_it_is_reported(place: Installation, token: str):
    await used(place, token, HOME, -60)
    await used(place, token, HOME, 0)
    await used(place, token, "192.0.2.99", -30)
    now = int(place.clock())
    assert await stays_of(place, token) == [Stay(HOME, now - 60, now, 3)]


async def test_a_sighting_is_no_stay_longer_than_a_pause(place: Installation, token: str):
    """Of a guard that slept, say, nobody knows that what it saw first and last hangs together."""
    place.clock.turn(10 * PAUSE)
    now = int(place.clock())
    await taken(place, sighting(place, token, HOME, first=now - 9 * PAUSE, count=2))
    await used(place, token, WORK, -5 * PAUSE)
    assert await told(place) == []
    assert Stay(HOME, now - PAUSE, now, 2) in await stays_of(place, token)


async def test_where_the_policy_says_so_the_family_ends(place: Installation, token: str):
    """S106: every token of it is refused, the log says why, and explain does."""
    await set_policy(place, "app", "end")
    await used(place, token, HOME, -60, 0)
    assert await refusal(place, token) is None
    await used(place, token, WORK, -30)
    assert await refusal(place, token) is Reason.REVOKED
    query = EventQuery(kind=EventKind.FAMILY_ENDED)
    [ended] = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert ended.detail["why"] == two_places.WHY
    assert ended.actor == "client:guard"
    found = await explain(place.authority, token)
    sentences = {step.check: step.sentence for step in found.steps}
    assert "guards saw it used in two places at once" in sentences["authorization"]
    assert await taken(place, sighting(place, token)) == 0


async def test_a_token_without_a_person_ends_alone(place: Installation):
    """S106: its siblings at other machines stand."""
    await set_policy(place, "service", "end")
    token, sibling = await place.service_token(), await place.service_token()
    place.clock.turn(100)
    await used(place, sibling, HOME, 0)
    await used(place, token, HOME, -60, 0)
    await used(place, token, WORK, -30)
    assert await refusal(place, token) is Reason.REVOKED
    assert await refusal(place, sibling) is None
    [event] = await told(place)
    assert "user_id" not in event.detail
    found = await explain(place.authority, token)
    sentences = {step.check: step.sentence for step in found.steps}
    assert "guards saw it used in two places at once" in sentences["token"]


async def test_a_service_may_be_allowed_to_be_in_many_places(place: Installation):
    """S106: nothing is written down of it."""
    await set_policy(place, "service", "allow")
    token = await place.service_token()
    place.clock.turn(100)
    await used(place, token, HOME, -60, 0)
    await used(place, token, WORK, -30)
    assert await told(place) == []
    assert await stays_of(place, token) == []


@pytest.mark.parametrize("apart", [1, PAUSE // MOST_PLACES + 1])
async def test_a_token_has_few_places(place: Installation, token: str, apart: int):
    """The place where it was longest ago makes room; nobody moves so often in five minutes."""
    for number in range(MOST_PLACES + 3):
        await used(place, token, f"10.0.{number}.1", 0)
        place.clock.turn(apart)
    places = [stay.place for stay in await stays_of(place, token)]
    assert len(places) == MOST_PLACES
    assert "10.0.0.1" not in places
    assert len(await told(place)) == (3 if apart == 1 else 0)


async def test_all_of_it_is_forgotten_with_the_token(place: Installation, token: str):
    """A minute after it has expired."""
    place.clock.turn(unverified_claims(token)["exp"] - place.clock() - 1)
    await used(place, token, HOME, -60, 0)
    await used(place, token, WORK, -30)
    store = place.authority.store
    place.clock.turn(60)
    await store.transact(lambda tx: tx.sweep(100))
    assert await stays_of(place, token)
    place.clock.turn(1)
    await store.transact(lambda tx: tx.sweep(100))
    assert await stays_of(place, token) == []


async def test_the_places_are_erased_with_the_person(place: Installation, token: str):
    """S106, S111: the line stands, and locates nobody."""
    await used(place, token, HOME, -60, 0)
    await used(place, token, WORK, -30)
    user_id = unverified_claims(token)["sub"]
    await place.authority.store.transact(lambda tx: erase_from_log(tx, user_id, CLI))
    [event] = await told(place)
    assert event.subject == unverified_claims(token)["jti"]
    shown: dict[str, Any] = dict(event.detail)
    assert {"places", "seen", "counts", "reasons", "said"}.isdisjoint(shown)
    assert event.detail["user_id"] == "erased"
    assert event.address == ""
