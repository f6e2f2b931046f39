"""Sessions: their ends, and the store in memory."""

import pytest

from counterfoil.bff import Limits, MemorySessions, Session

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000


def session(key: str, subject: str = "ada", at: int = NOW) -> Session:
    return Session(key=key, subject=subject, began_at=at, used_at=at)


def test_a_session_ends_when_it_lies_idle_and_in_any_case():
    limits = Limits(idle=100, absolute=150)
    assert not limits.is_over(session("a"), NOW + 99)
    assert limits.is_over(session("a"), NOW + 100)
    used = Session(key="a", subject="ada", began_at=NOW, used_at=NOW + 90)
    assert not limits.is_over(used, NOW + 149)
    assert limits.is_over(used, NOW + 150)


async def test_one_is_kept_found_used_and_removed_once():
    store = MemorySessions()
    assert await store.add(session("a")) == ()
    await store.use("a", NOW + 5)
    found = await store.find("a")
    assert found is not None
    assert found.used_at == NOW + 5
    assert await store.remove("a")
    assert not await store.remove("a")
    assert await store.find("a") is None
    await store.use("a", NOW)
    assert await store.find("a") is None


async def test_a_person_who_signs_in_again_and_again_puts_out_only_themself():
    store = MemorySessions(most=5, most_each=2)
    await store.add(session("b", "bob"))
    assert await store.add(session("1")) == ()
    assert await store.add(session("2")) == ()
    assert await store.add(session("3")) == ("1",)
    assert await store.find("b") is not None
    assert await store.find("1") is None


async def test_where_there_are_too_many_the_one_unused_for_longest_goes():
    store = MemorySessions(most=2)
    await store.add(session("a", "ada"))
    await store.add(session("b", "bob"))
    await store.use("a", NOW + 1)
    assert await store.add(session("c", "cid")) == ("b",)
    assert "2 sessions" in repr(store)


async def test_those_that_are_over_are_named():
    store = MemorySessions()
    await store.add(session("old", at=NOW - 100))
    await store.add(session("new"))
    assert await store.overdue(Limits(idle=100), NOW) == ["old"]


async def test_a_sign_in_is_spent_once_and_few_are_remembered():
    store = MemorySessions(most=2)
    assert await store.take("a", NOW)
    assert not await store.take("a", NOW)
    await store.take("b", NOW)
    await store.take("c", NOW)
    assert len(store._taken) == 2
