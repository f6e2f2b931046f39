"""Conformance, on every engine: letters that wait to be sent."""

import asyncio

import pytest

from counterfoil.server.records.letter import Waiting
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio


def waiting(name: str = "one", due_at: int = NOW) -> Waiting:
    return Waiting(id=name, sealed=b"sealed", due_at=due_at, expires_at=NOW + 3600)


@pytest.fixture
async def full(store: Store) -> Store:
    """Two letters: one is due, and one later."""
    for each in (waiting(), waiting("two", NOW + 10)):
        await store.transact(lambda tx, each=each: tx.outbox.put(each))
    return store


async def claim(store: Store, at: int = NOW) -> Waiting | None:
    return await store.transact(lambda tx: tx.outbox.claim(at, at + 120))


async def test_what_is_due_is_claimed_and_counted(full: Store) -> None:
    assert await full.read(lambda tx: tx.outbox.is_due(NOW))
    claimed = await claim(full)
    assert claimed == Waiting(
        id="one", sealed=b"sealed", due_at=NOW + 120, expires_at=NOW + 3600, attempts=1
    )
    assert await claim(full) is None
    assert not await full.read(lambda tx: tx.outbox.is_due(NOW))


async def test_the_one_that_waits_for_the_longest_comes_first(full: Store) -> None:
    found = [await claim(full, NOW + 10), await claim(full, NOW + 10)]
    assert [each.id for each in found if each] == ["one", "two"]


async def test_of_many_takers_each_letter_has_one(full: Store) -> None:
    async def take() -> Waiting | None:
        return await full.transact(lambda tx: tx.outbox.claim(NOW + 10, NOW + 130))

    found = await asyncio.gather(*(take() for _ in range(10)))
    assert sorted(each.id for each in found if each) == ["one", "two"]


async def test_what_is_postponed_comes_again_and_what_is_removed_does_not(full: Store) -> None:
    await claim(full)
    await full.transact(lambda tx: tx.outbox.postpone("one", NOW + 5))
    again = await claim(full, NOW + 5)
    assert again is not None
    assert (again.id, again.attempts) == ("one", 2)
    await full.transact(lambda tx: tx.outbox.remove("one"))
    left = await claim(full, NOW + 1000)
    assert left is not None
    assert left.id == "two"
    assert await claim(full, NOW + 1000) is None


async def test_what_it_has_become_takes_its_place(full: Store) -> None:
    became = Waiting(id="one", sealed=b"more", due_at=NOW, expires_at=NOW + 60, attempts=3)
    await full.transact(lambda tx: tx.outbox.put(became))
    found = await claim(full)
    assert found is not None
    assert (found.sealed, found.attempts) == (b"more", 4)
    assert await full.read(lambda tx: tx.outbox.is_full(2))
    assert not await full.read(lambda tx: tx.outbox.is_full(3))


async def test_what_nobody_came_to_send_is_swept(full: Store, clock: Clock) -> None:
    clock.now = NOW + 7199
    assert await full.transact(lambda tx: tx.sweep(100)) == 0
    clock.now += 1
    assert await full.transact(lambda tx: tx.sweep(100)) == 2
    assert not await full.read(lambda tx: tx.outbox.is_full(1))


async def test_beginning_anew_forgets_them(full: Store) -> None:
    """A restored backup must not write again what was written."""
    await full.transact(lambda tx: tx.beginnings.end_everything(NOW, "restored"))
    assert not await full.read(lambda tx: tx.outbox.is_full(1))
