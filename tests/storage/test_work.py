"""A work runs inline to its end, on its transaction alone."""

import asyncio

import pytest

from counterfoil.server.records.store import Transaction
from counterfoil.server.storage.connection import WrongStatement
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.work import SuspendedWork
from tests.storage.samples import user

pytestmark = pytest.mark.anyio


async def users_of(store: SqliteStore) -> set[str]:
    return {each.id for each in await store.read(lambda tx: tx.users.every())}


async def test_a_work_that_suspends_is_named_and_leaves_nothing(sqlite: SqliteStore) -> None:
    tidied = []

    async def dawdles(tx: Transaction) -> None:
        await tx.users.add(user())
        try:
            await asyncio.sleep(0)
        finally:
            tidied.append("closed")

    bob = user(id="bob", email="bob@example.org")
    asked = [sqlite.transact(dawdles), sqlite.transact(lambda tx: tx.users.add(bob))]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[0], SuspendedWork)
    assert "dawdles" in str(answers[0])
    assert answers[1] is None
    assert tidied == ["closed", "closed"], "it had written, and was run anew"
    assert await users_of(sqlite) == {"bob"}
    with pytest.raises(SuspendedWork, match="dawdles"):
        await sqlite.read(dawdles_reading)
    assert await users_of(sqlite) == {"bob"}


async def dawdles_reading(tx: Transaction) -> None:
    await tx.users.every()
    await asyncio.sleep(0)


async def test_a_work_cannot_wait_for_another_transaction(sqlite: SqliteStore) -> None:
    with pytest.raises(SuspendedWork):
        await sqlite.transact(lambda tx: sqlite.transact(lambda inner: inner.users.add(user())))


async def test_a_work_that_reads_cannot_write(sqlite: SqliteStore) -> None:
    with pytest.raises(WrongStatement, match="readonly"):
        await sqlite.read(lambda tx: tx.users.add(user()))
    assert await users_of(sqlite) == set()


async def test_a_transaction_is_of_no_use_outside_of_its_work(sqlite: SqliteStore) -> None:
    async def leak(tx: Transaction) -> Transaction:
        return tx

    for leaked in (await sqlite.transact(leak), await sqlite.read(leak)):
        with pytest.raises(RuntimeError, match="outside of its work"):
            await leaked.users.add(user())
    assert await users_of(sqlite) == set()
