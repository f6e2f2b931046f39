"""Conformance, on every engine: clients that are to be told of logouts, each in its line."""

import asyncio

import pytest

from counterfoil.server.records.logout import Line, Logout
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOW, session, user

pytestmark = pytest.mark.anyio
DAY = 86_400


def logout(name: str = "one", client_id: str = "app", at: int = NOW) -> Logout:
    return Logout(id=name, client_id=client_id, sub="ada", session_id="s", expires_at=at + DAY)


@pytest.fixture
async def full(store: Store) -> Store:
    """Two for one client, and one for another that is due later."""
    for each, due in (
        (logout(), NOW),
        (logout("two", at=NOW + 1), NOW),
        (logout("b", "b"), NOW + 5),
    ):
        await store.transact(lambda tx, each=each, due=due: tx.logouts.put(each, due))
    return store


async def take(store: Store, at: int = NOW) -> Line | None:
    return await store.transact(lambda tx: tx.logouts.take_line(at, at + 120))


async def in_line(store: Store, client_id: str = "app") -> list[str]:
    return [each.id for each in await store.read(lambda tx: tx.logouts.in_line(client_id, 10))]


async def test_a_line_is_taken_once_and_holds_what_came_first_first(full: Store) -> None:
    assert await full.read(lambda tx: tx.logouts.is_due(NOW))
    assert await take(full) == Line("app", 0)
    assert await take(full) is None
    assert not await full.read(lambda tx: tx.logouts.is_due(NOW))
    assert await full.read(lambda tx: tx.logouts.in_line("app", 1)) == [logout()]
    assert await in_line(full) == ["one", "two"]


async def test_the_line_that_waits_for_the_longest_comes_first(full: Store) -> None:
    assert [await take(full, NOW + 9), await take(full, NOW + 9)] == [Line("app", 0), Line("b", 0)]


async def test_of_many_takers_each_line_has_one(full: Store) -> None:
    found = await asyncio.gather(*(take(full, NOW + 9) for _ in range(10)))
    assert sorted(each.client_id for each in found if each) == ["app", "b"]


async def test_a_line_in_which_nobody_waits_any_more_closes(full: Store) -> None:
    await take(full)
    await full.transact(lambda tx: tx.logouts.remove("one"))
    await full.transact(lambda tx: tx.logouts.leave("app", NOW))
    assert await take(full) == Line("app", 0)
    await full.transact(lambda tx: tx.logouts.remove("two"))
    await full.transact(lambda tx: tx.logouts.leave("app", NOW))
    assert await take(full, NOW + 4) is None


async def test_a_line_that_failed_waits_and_who_comes_meanwhile_waits_with_it(full: Store) -> None:
    await take(full)
    await full.transact(lambda tx: tx.logouts.postpone(Line("app", 3), NOW + 40))
    await full.transact(lambda tx: tx.logouts.put(logout("three", at=NOW + 2), NOW))
    assert await take(full) is None
    await take(full, NOW + 9)
    assert await take(full, NOW + 40) == Line("app", 3)
    assert await in_line(full) == ["one", "two", "three"]
    await full.transact(lambda tx: tx.logouts.leave("app", NOW + 41))
    assert await take(full, NOW + 41) == Line("app", 0)


async def test_what_nobody_came_to_tell_is_swept(full: Store, clock: Clock) -> None:
    clock.now = NOW + DAY + 3599
    assert await full.transact(lambda tx: tx.sweep(100)) == 0
    clock.now += 10
    assert await full.transact(lambda tx: tx.sweep(100)) == 3
    assert await in_line(full) == []


async def test_beginning_anew_forgets_them(full: Store) -> None:
    """A restored backup must not tell again what was told."""
    await full.transact(lambda tx: tx.beginnings.end_everything(NOW, "restored"))
    assert (await in_line(full), await take(full, NOW + 9)) == ([], None)


async def test_a_session_knows_who_is_told_when_it_ends(store: Store) -> None:
    """Each once, and none is taken for another: the _ of a name stands for itself alone."""
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.sessions.add(session()))
    for name in ("a_b", "axb", "a_b", "b"):
        await store.transact(lambda tx, name=name: tx.sessions.let_be_told("sid-1", name))
    found = await store.read(lambda tx: tx.sessions.find("sid-1"))
    assert found is not None
    assert found.told_clients == ("a_b", "axb", "b")
    await store.transact(lambda tx: tx.sessions.tell_no_more("sid-1", "a_b"))
    await store.transact(lambda tx: tx.sessions.renew(session(auth_time=NOW + 1)))
    found = await store.read(lambda tx: tx.sessions.find("sid-1"))
    assert found is not None
    assert found.told_clients == ("axb", "b")


async def test_in_a_session_that_has_ended_nobody_is_told_any_more(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.sessions.add(session()))
    await store.transact(lambda tx: tx.sessions.end("sid-1", NOW))
    await store.transact(lambda tx: tx.sessions.let_be_told("sid-1", "app"))
    found = await store.read(lambda tx: tx.sessions.find("sid-1"))
    assert found is not None
    assert found.told_clients == ()


async def test_of_many_who_sign_in_beside_each_other_none_is_lost(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.sessions.add(session()))
    names = [f"app-{number}" for number in range(8)]
    await asyncio.gather(
        *(
            store.transact(
                lambda tx, name=name: tx.sessions.let_be_told("sid-1", name), beside=True
            )
            for name in names
        )
    )
    found = await store.read(lambda tx: tx.sessions.find("sid-1"))
    assert found is not None
    assert sorted(found.told_clients) == names
