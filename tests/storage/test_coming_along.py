"""Whoever was let in by one commit comes along with the next: the same work in half the commits."""

import asyncio

import pytest

from counterfoil.server.storage.sqlite import SqliteStore
from tests.storage.samples import user
from tests.storage.test_group_commit import Gate, engine_of

pytestmark = pytest.mark.anyio

ROUNDS = 6


async def over_and_over(store: SqliteStore, name: str, *, beside: bool) -> None:
    """One that asks again as soon as it is answered."""
    for number in range(ROUNDS):
        new = user(id=f"{name}-{number}", email=f"{name}-{number}")
        await store.transact(lambda tx, new=new: tx.users.add(new), beside=beside)


@pytest.mark.parametrize(("beside", "commits"), [(True, ROUNDS + 1), (False, 2 * ROUNDS)])
async def test_two_who_take_turns_share_commits_unless_they_are_urgent(
    sqlite: SqliteStore, beside: bool, commits: int
) -> None:
    """An ending waits for nobody."""
    gate = Gate(engine_of(sqlite))
    one = asyncio.ensure_future(over_and_over(sqlite, "one", beside=beside))
    await gate.reached()
    other = asyncio.ensure_future(over_and_over(sqlite, "other", beside=beside))
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(one, other)
    assert gate.commits == commits
