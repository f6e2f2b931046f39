"""Conformance, on every engine: what transact, read and version promise."""

import asyncio

import pytest

from counterfoil.server.records.failures import Conflict, StoreUnavailable
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.records.user import User
from tests.storage.conftest import Clock
from tests.storage.samples import NOW, event, user

pytestmark = pytest.mark.anyio


async def test_a_transaction_carries_the_time_in_whole_seconds_and_chance(
    store: Store, clock: Clock
) -> None:
    async def look(tx: Transaction) -> tuple[int, bytes, int]:
        first = tx.now
        clock.now += 5
        return first, tx.random(16), tx.now

    clock.now = NOW + 0.9
    first, chance, again = await store.transact(look)
    assert (first, again, len(chance)) == (NOW, NOW, 16)
    clock.now = NOW + 8.2
    assert (await store.read(look))[0] == NOW + 8


async def test_what_raises_leaves_nothing_behind_and_its_siblings_stand(store: Store) -> None:
    async def stumble(tx: Transaction) -> None:
        await tx.users.add(user())
        await tx.events.append(event())
        raise ZeroDivisionError("mine")

    bob = user(id="bob", email="bob@example.org")
    eve = user(id="eve", email="eve@example.org")
    answers = await asyncio.gather(
        store.transact(lambda tx: tx.users.add(bob)),
        store.transact(stumble),
        store.transact(lambda tx: tx.users.add(eve)),
        return_exceptions=True,
    )
    assert repr(answers) == "[None, ZeroDivisionError('mine'), None]"
    assert await store.read(lambda tx: tx.users.every()) == [bob, eve]
    assert await store.read(lambda tx: tx.events.latest(10)) == []


async def test_works_run_one_after_another_and_see_what_came_before(store: Store) -> None:
    """Each adds a number that it read: a lost update would show."""

    async def count(tx: Transaction) -> int:
        stands = await tx.sealed.raise_to("count", 0)
        return await tx.sealed.raise_to("count", stands + 1)

    counts = await asyncio.gather(*(store.transact(count) for _ in range(300)))
    assert sorted(counts) == list(range(1, 301))


async def test_a_work_may_catch_a_conflict_and_go_on(store: Store) -> None:
    async def add_twice(tx: Transaction) -> str:
        await tx.users.add(user())
        try:
            await tx.users.add(user(id="bob"))
        except Conflict:
            await tx.events.append(event())
            return "taken"
        return "added"

    assert await store.transact(add_twice) == "taken"
    assert len(await store.read(lambda tx: tx.events.latest(10))) == 1


async def test_what_a_transaction_returned_is_there_for_every_reader(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    assert await store.read(lambda tx: tx.users.find("ada")) == user()


async def test_what_a_reading_work_raises_is_raised_and_the_next_one_reads(store: Store) -> None:
    async def stumble(tx: Transaction) -> User:
        await tx.users.every()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.read(stumble)
    assert await store.read(lambda tx: tx.users.every()) == []


async def test_the_version_changes_with_every_commit_and_not_without(store: Store) -> None:
    versions = [store.version()]
    for number in range(3):
        await store.read(lambda tx: tx.users.every())
        assert store.version() == versions[-1]
        new = user(id=str(number), email=str(number))
        await store.transact(lambda tx, new=new: tx.users.add(new))
        versions.append(store.version())
    assert len(set(versions)) == 4


async def test_a_closed_store_is_unavailable(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.transact(lambda tx: tx.users.every())
    with pytest.raises(StoreUnavailable):
        await store.read(lambda tx: tx.users.every())
    with pytest.raises(StoreUnavailable):
        store.version()


async def test_closing_finishes_what_was_begun(store: Store) -> None:
    adding = asyncio.ensure_future(store.transact(lambda tx: tx.users.add(user())))
    await asyncio.sleep(0)
    await store.close()
    assert await adding is None
