"""Conformance, on every engine: proofs that were used, and works inside a work."""

import asyncio

import pytest

from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.store import Store, Transaction
from tests.storage.conftest import Clock
from tests.storage.samples import NOW, user

pytestmark = pytest.mark.anyio

ID = b"\x01" * 32


async def test_a_proof_is_taken_once(store: Store) -> None:
    """RFC 9449 §11.1."""
    takers = [store.transact(lambda tx: tx.proofs.take(ID, NOW + 130)) for _ in range(20)]
    assert sorted(await asyncio.gather(*takers)) == [False] * 19 + [True]
    assert await store.transact(lambda tx: tx.proofs.take(b"\x02" * 32, NOW + 130))


async def test_used_proofs_are_swept_when_no_clock_would_take_them(
    store: Store, clock: Clock
) -> None:
    await store.transact(lambda tx: tx.proofs.take(ID, NOW + 130))
    clock.now = NOW + 130
    assert await store.transact(lambda tx: tx.sweep(100)) == 0
    clock.now = NOW + 131
    assert await store.transact(lambda tx: tx.sweep(100)) == 1
    assert await store.transact(lambda tx: tx.proofs.take(ID, NOW + 261))


async def test_the_table_does_not_grow_with_requests_though_nobody_sweeps(
    store: Store, clock: Clock
) -> None:
    """Each taking removes more than it adds: what stands is what may still be replayed."""
    for number in range(300):
        clock.now = NOW + number
        name = number.to_bytes(32, "big")
        assert await store.transact(
            lambda tx, name=name, until=NOW + number + 10: tx.proofs.take(name, until)
        )
    clock.now = NOW + 10_000
    assert await store.transact(lambda tx: tx.sweep(1_000)) <= 12


async def test_what_a_work_inside_a_work_raises_undoes_that_work_alone(store: Store) -> None:
    async def inner(tx: Transaction) -> None:
        await tx.users.add(user())
        raise KeyError

    async def outer(tx: Transaction) -> bool:
        assert await tx.proofs.take(ID, NOW + 1)
        with pytest.raises(KeyError):
            await tx.attempt(inner)
        return await tx.users.find("ada") is None

    assert await store.transact(outer)
    assert await store.read(lambda tx: tx.users.find("ada")) is None
    assert not await store.transact(lambda tx: tx.proofs.take(ID, NOW + 1))


async def test_what_a_work_inside_a_work_returns_stands(store: Store) -> None:
    async def inner(tx: Transaction) -> int:
        await tx.users.add(user())
        return 7

    assert await store.transact(lambda tx: tx.attempt(inner)) == 7
    assert await store.read(lambda tx: tx.users.find("ada")) == user()


async def test_what_the_outer_work_raises_undoes_the_inner_one_too(store: Store) -> None:
    async def outer(tx: Transaction) -> None:
        await tx.attempt(lambda tx: tx.users.add(user()))
        raise KeyError

    with pytest.raises(KeyError):
        await store.transact(outer)
    assert await store.read(lambda tx: tx.users.find("ada")) is None


async def test_a_name_that_is_taken_can_be_tried(store: Store) -> None:
    """The engine's own refusal leaves the outer work usable."""

    async def outer(tx: Transaction) -> bool:
        await tx.users.add(user())
        with pytest.raises(Conflict):
            await tx.attempt(lambda tx: tx.users.add(user()))
        return await tx.proofs.take(ID, NOW + 1)

    assert await store.transact(outer)
    assert await store.read(lambda tx: tx.users.find("ada")) == user()
