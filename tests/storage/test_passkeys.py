"""Conformance, on every engine: passkeys of people (S76)."""

import asyncio
from typing import Any

import msgspec
import pytest

from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.passkey import Passkey, PasskeyUse
from counterfoil.server.records.store import Store
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio

HIGHEST = 2**32 - 1


def passkey(**fields: Any) -> Passkey:
    whole = Passkey(
        id="p1",
        credential_id=b"\x01" * 32,
        user_id="ada",
        user_handle=b"\x02" * 32,
        public_key=b"\x03" * 77,
        name="Phone",
        created_at=NOW,
        transports=("hybrid", "internal"),
        backup_eligible=True,
        backed_up=True,
    )
    return msgspec.structs.replace(whole, **fields)


@pytest.fixture
async def kept(store: Store) -> Store:
    await store.transact(lambda tx: tx.passkeys.add(passkey()))
    return store


async def found(store: Store) -> Passkey | None:
    return await store.read(lambda tx: tx.passkeys.find("p1"))


async def use(store: Store, count: int, at: int = NOW) -> bool:
    given = PasskeyUse(at, count, backed_up=False)
    return await store.transact(lambda tx: tx.passkeys.use("p1", given), beside=True)


async def test_it_is_found_by_either_name_and_by_its_person(kept: Store) -> None:
    second = passkey(id="p2", credential_id=b"\x04", created_at=NOW + 1, transports=())
    other = passkey(id="p3", credential_id=b"\x05", user_id="grace")
    for each in (second, other):
        await kept.transact(lambda tx, each=each: tx.passkeys.add(each))
    assert await found(kept) == passkey()
    by_credential = kept.read(lambda tx: tx.passkeys.find_by_credential(b"\x01" * 32))
    assert await by_credential == passkey()
    assert await kept.read(lambda tx: tx.passkeys.find_by_credential(b"\x01" * 31)) is None
    assert await kept.read(lambda tx: tx.passkeys.of_user("ada")) == [passkey(), second]


@pytest.mark.parametrize("same", [{"credential_id": b"\x09"}, {"id": "p9", "user_id": "grace"}])
async def test_neither_name_is_given_twice(kept: Store, same: dict[str, Any]) -> None:
    with pytest.raises(Conflict):
        await kept.transact(lambda tx: tx.passkeys.add(passkey(**same)))
    assert await found(kept) == passkey()


async def test_a_use_is_noted(kept: Store) -> None:
    assert await use(kept, 7, NOW + 60)
    used = {"sign_count": 7, "backed_up": False, "last_used_at": NOW + 60}
    assert await found(kept) == passkey(**used)


async def test_a_count_goes_up_or_is_none(kept: Store) -> None:
    assert await use(kept, 0)
    assert await use(kept, 0), "it does not count"
    assert await use(kept, HIGHEST)
    for count in (HIGHEST, HIGHEST - 1, 0):
        assert not await use(kept, count)
    after = await found(kept)
    assert after is not None
    assert after.sign_count == HIGHEST


async def test_of_many_uses_of_one_count_one_is_good(kept: Store) -> None:
    assert sum(await asyncio.gather(*(use(kept, 5) for _ in range(20)))) == 1


async def test_suspicion_and_name_are_kept(kept: Store) -> None:
    await kept.transact(lambda tx: tx.passkeys.suspect("p1", NOW + 5))
    assert await kept.transact(lambda tx: tx.passkeys.rename("p1", "Ring"))
    assert await found(kept) == passkey(name="Ring", suspect_at=NOW + 5)
    assert not await kept.transact(lambda tx: tx.passkeys.rename("p2", "Ring"))


async def test_nothing_that_happens_to_it_changes_its_key(kept: Store) -> None:
    """ASVS V6.7.1: another key is another passkey, and its names are taken."""
    changed = {"public_key": b"\x07" * 77}
    for taken in (changed, changed | {"id": "p2"}, changed | {"credential_id": b"\x08"}):
        with pytest.raises(Conflict):
            await kept.transact(lambda tx, taken=taken: tx.passkeys.add(passkey(**taken)))
    assert await use(kept, 3)
    await kept.transact(lambda tx: tx.passkeys.suspect("p1", NOW))
    await kept.transact(lambda tx: tx.passkeys.rename("p1", "Another"))
    after = await found(kept)
    assert after is not None
    whole = passkey()
    assert (after.public_key, after.credential_id) == (whole.public_key, whole.credential_id)
    assert (after.user_id, after.user_handle) == (whole.user_id, whole.user_handle)


async def test_it_is_removed_once(kept: Store) -> None:
    assert await kept.transact(lambda tx: tx.passkeys.remove("p1"))
    assert not await kept.transact(lambda tx: tx.passkeys.remove("p1"))
    assert await found(kept) is None
    assert not await use(kept, 9)


async def test_all_of_a_person_are_removed(kept: Store) -> None:
    grace = passkey(id="p2", credential_id=b"\x04", user_id="grace")
    await kept.transact(lambda tx: tx.passkeys.add(grace))
    assert await kept.transact(lambda tx: tx.passkeys.remove_of("ada")) == 1
    assert await kept.read(lambda tx: tx.passkeys.of_user("ada")) == []
    assert await kept.read(lambda tx: tx.passkeys.of_user("grace")) == [grace]


def test_it_shows_neither_key_nor_handle() -> None:
    assert repr(passkey()) == "Passkey(id='p1', user_id='ada')"
