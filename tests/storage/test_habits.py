"""Conformance, on every engine: what is known of a person is kept whole, and leaves with them."""

import pytest

from counterfoil.server.records.habits import KEPT, NO_HABITS, Habits
from counterfoil.server.records.place import Place, Point
from counterfoil.server.records.store import Store
from counterfoil.server.records.user import User
from tests.storage.conftest import Clock
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio
BERLIN = Place("DE", "Berlin", "Germany", Point(52.5, 13.4, 20))
HABITS = NO_HABITS.learned("n1", BERLIN, NOW).telling("sign_in_noticed DE/Berlin", NOW)


async def known(store: Store, user_id: str = "ada") -> Habits:
    return await store.read(lambda tx: tx.habits.of_user(user_id))


async def test_it_is_kept_in_place_of_what_was_before(store: Store):
    assert await known(store) == NO_HABITS
    await store.transact(lambda tx: tx.habits.keep("ada", NO_HABITS.learned("n0", BERLIN, NOW)))
    await store.transact(lambda tx: tx.habits.keep("ada", HABITS))
    assert await known(store) == HABITS
    assert await known(store, "grace") == NO_HABITS


async def test_it_leaves_with_the_person(store: Store):
    """S108: erased with the account."""
    ada = User(id="ada", email="ada@example.com", created_at=NOW)
    await store.transact(lambda tx: tx.users.add(ada))
    await store.transact(lambda tx: tx.habits.keep("ada", HABITS))
    assert await store.transact(lambda tx: tx.users.remove("ada"))
    assert await known(store) == NO_HABITS


async def test_it_leaves_when_nobody_has_signed_in_for_long(store: Store, clock: Clock):
    await store.transact(lambda tx: tx.habits.keep("ada", HABITS))
    clock.now += KEPT - 1
    assert await store.transact(lambda tx: tx.sweep(9)) == 0
    clock.now += 1
    assert await store.transact(lambda tx: tx.sweep(9)) == 1
    assert await known(store) == NO_HABITS
