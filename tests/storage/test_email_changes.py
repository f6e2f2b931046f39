"""Conformance, on every engine: addresses that were proved, and changes that can be undone."""

import asyncio
from typing import Any

import msgspec
import pytest

from counterfoil.server.records.email_change import EmailChange
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.store import Store
from counterfoil.server.records.user import User
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio

DIGEST = b"\x0b" * 32
ADA = User(id="ada", email="Ada@Example.org", created_at=NOW)


def change(**fields: Any) -> EmailChange:
    whole = EmailChange(
        user_id="ada",
        digest=DIGEST,
        email="Ada@Example.org",
        changed_at=NOW,
        expires_at=NOW + 3600,
    )
    return msgspec.structs.replace(whole, **fields)


async def add(store: Store, *changes: EmailChange) -> None:
    async def work(tx: Any) -> None:
        for each in changes:
            await tx.email_changes.add(each)

    await store.transact(work)


async def found(store: Store, digest: bytes = DIGEST, at: int = NOW) -> EmailChange | None:
    return await store.read(lambda tx: tx.email_changes.find(digest, at))


async def test_those_of_a_person_are_listed_by_age(store: Store) -> None:
    later = change(digest=b"\x0c" * 32, changed_at=NOW + 1)
    await add(store, later, change(), change(digest=b"\x0d" * 32, user_id="bob"))
    assert await store.read(lambda tx: tx.email_changes.of_user("ada")) == [change(), later]


async def test_looking_spends_nothing_and_one_taker_gets_it(store: Store) -> None:
    await add(store, change())
    assert await found(store) == await found(store) == change()
    takes = (store.transact(lambda tx: tx.email_changes.take(DIGEST, NOW)) for _ in range(9))
    assert [each for each in await asyncio.gather(*takes) if each] == [change()]
    assert await found(store) is None


async def test_it_expires_and_is_swept(store: Store) -> None:
    await add(store, change(expires_at=NOW))
    assert await found(store) is None
    assert await store.transact(lambda tx: tx.email_changes.take(DIGEST, NOW)) is None
    assert await store.transact(lambda tx: tx.email_changes.sweep(9)) == 1


async def test_later_ones_are_forgotten_and_earlier_ones_stay(store: Store) -> None:
    later = [change(digest=bytes([n]) * 32, changed_at=NOW + n) for n in range(3)]
    other = change(user_id="bob", digest=b"b" * 32, changed_at=NOW + 9)
    await add(store, *later, other)
    assert await store.transact(lambda tx: tx.email_changes.forget_since("ada", NOW + 1)) == 2
    assert [await found(store, each.digest) for each in (*later, other)] == [
        later[0],
        None,
        None,
        other,
    ]


async def user(store: Store, user_id: str = "ada") -> User:
    kept = await store.read(lambda tx: tx.users.find(user_id))
    assert kept is not None
    return kept


async def test_an_address_is_verified_as_long_as_it_is_the_one(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(ADA))
    assert not (await user(store)).email_verified
    stale = await store.transact(lambda tx: tx.users.verify_email("ada", "old@example.org", NOW))
    assert (stale, (await user(store)).email_verified) == (False, False)
    assert await store.transact(lambda tx: tx.users.verify_email("ada", ADA.email, NOW))
    assert (await user(store)).email_verified_at == NOW


async def test_an_address_is_replaced_by_one_that_is_free(store: Store) -> None:
    """In one statement, and only where it still is the one that was proved."""

    async def replaced(proved: str, email: str) -> bool:
        return await store.transact(lambda tx: tx.users.change_email("ada", proved, email, NOW))

    bob = User(id="bob", email="bob@example.org", created_at=NOW, email_verified_at=NOW)
    await store.transact(lambda tx: tx.users.add(ADA))
    await store.transact(lambda tx: tx.users.add(bob))
    with pytest.raises(Conflict):
        await replaced(ADA.email, "BOB@example.org")
    assert await user(store) == ADA
    assert not await replaced("another@example.org", "new@example.org")
    assert await replaced(ADA.email, "New@example.org")
    assert (await user(store)).email_verified_at == NOW
    kept = await store.read(lambda tx: tx.users.find_by_email("new@EXAMPLE.org"))
    assert (kept and kept.email) == "New@example.org"
    assert await store.read(lambda tx: tx.users.find_by_email(ADA.email)) is None
    assert await user(store, "bob") == bob


async def test_a_first_password_is_set_once(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(ADA))
    assert await store.transact(lambda tx: tx.users.welcome("ada", "Ada", "hash"))
    assert not await store.transact(lambda tx: tx.users.welcome("ada", "Eve", "other"))
    kept = await user(store)
    assert (kept.name, kept.password_hash) == ("Ada", "hash")
