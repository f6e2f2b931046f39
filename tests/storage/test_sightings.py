"""Conformance, on every engine: where tokens were seen, and of which pairs of places was told."""

import pytest
from msgspec.structs import replace

from counterfoil.server.records.sighting import KEPT, SeenToken, Stay
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio

HOME, OFFICE = Stay("192.0.2.7", NOW - 9, NOW, 3), Stay("198.51.100.9", NOW - 5, NOW - 5, 1)
SEEN = SeenToken("jti", "app", "family", NOW + 60, HOME)


async def keep(store: Store, *every: SeenToken) -> None:
    for each in every:
        await store.transact(lambda tx, each=each: tx.sightings.keep(each))


async def test_the_stays_of_a_token_are_found_newest_first(store: Store):
    other = replace(SEEN, jti="other")
    await keep(store, replace(SEEN, stay=OFFICE), SEEN, other)
    assert await store.read(lambda tx: tx.sightings.of_token("jti")) == [HOME, OFFICE]
    assert await store.read(lambda tx: tx.sightings.of_token("none")) == []


async def test_a_network_has_one_stay(store: Store):
    """S106: the newer one stands in the place of the older."""
    later = Stay("192.0.2.8", NOW - 9, NOW + 5, 4)
    await keep(store, SEEN, replace(SEEN, stay=later, kept_until=NOW + 90))
    assert await store.read(lambda tx: tx.sightings.of_token("jti")) == [later]
    await store.transact(lambda tx: tx.sightings.forget("jti", OFFICE.network))
    assert await store.read(lambda tx: tx.sightings.of_token("jti")) == [later]
    await store.transact(lambda tx: tx.sightings.forget("jti", HOME.network))
    assert await store.read(lambda tx: tx.sightings.of_token("jti")) == []


async def test_stays_are_counted_by_whose_they_are(store: Store):
    await keep(store, *(replace(SEEN, jti=f"t{n}") for n in range(5)))
    await keep(store, replace(SEEN, jti="x", family_id=""), replace(SEEN, stay=OFFICE, jti="t0"))
    assert await store.read(lambda tx: tx.sightings.count("app", "family")) == 6
    assert await store.read(lambda tx: tx.sightings.count("app", "")) == 1
    assert await store.read(lambda tx: tx.sightings.count("other", "family")) == 0


async def test_a_pair_of_places_is_told_once_in_either_order(store: Store):
    async def tell(jti: str, one: Stay, two: Stay) -> bool:
        seen = replace(SEEN, jti=jti, stay=one)
        return await store.transact(lambda tx: tx.sightings.tell(seen, two))

    assert await tell("jti", HOME, OFFICE)
    assert not await tell("jti", HOME, OFFICE)
    assert not await tell("jti", OFFICE, HOME)
    assert await tell("jti", HOME, Stay("203.0.113.1", NOW, NOW, 1))
    assert await tell("other", OFFICE, HOME)
    assert await store.read(lambda tx: tx.sightings.count_told("app", "family")) == 3
    assert await store.read(lambda tx: tx.sightings.count_told("app", "")) == 0


async def test_an_address_leaves_soon_and_the_pair_with_the_token(store: Store, clock: Clock):
    """S111: however long the token lives."""
    seen = replace(SEEN, kept_until=NOW + 30 * 86_400)
    await keep(store, seen)
    await store.transact(lambda tx: tx.sightings.tell(seen, OFFICE))
    clock.now = HOME.last + KEPT - 1
    assert await store.transact(lambda tx: tx.sweep(100)) == 0
    clock.now += 1
    assert await store.transact(lambda tx: tx.sweep(100)) == 1
    assert await store.read(lambda tx: tx.sightings.of_token("jti")) == []
    assert await store.read(lambda tx: tx.sightings.count_told("app", "family")) == 1


async def test_all_is_swept_when_the_token_can_matter_no_more(store: Store, clock: Clock):
    for number in range(5):
        seen = replace(SEEN, jti=f"t{number}", kept_until=NOW + 60 + number)
        await keep(store, seen)
        await store.transact(lambda tx, seen=seen: tx.sightings.tell(seen, OFFICE))
    clock.now = NOW + 59
    assert await store.transact(lambda tx: tx.sweep(100)) == 0
    clock.now = NOW + 60
    assert await store.transact(lambda tx: tx.sweep(100)) == 2
    clock.now = NOW + 100
    assert [await store.transact(lambda tx: tx.sweep(3)) for _ in range(3)] == [6, 2, 0]
    assert await store.read(lambda tx: tx.sightings.of_token("t4")) == []
