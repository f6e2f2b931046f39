"""A work that fails after it wrote: nothing of it stands, all of its siblings do, and once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import apsw
import pytest

from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Transaction
from counterfoil.server.storage.group_commit import CAREFUL
from counterfoil.server.storage.sqlite import SqliteStore
from tests.storage.conftest import Clock
from tests.storage.samples import event, user

pytestmark = pytest.mark.anyio

Asked = Callable[[Transaction], Awaitable[Any]]


@pytest.fixture
def said(sqlite: SqliteStore) -> Iterator[list[str]]:
    """What is said to the engine that begins, ends or undoes something."""
    engine = sqlite._commits._connection.engine
    assert engine is not None
    heard: list[str] = []

    def hear(_: apsw.Cursor, sql: str, __: object) -> bool:
        if sql.split(maxsplit=1)[0] in {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}:
            heard.append(sql)
        return True

    engine.exec_trace = hear
    yield heard
    engine.exec_trace = None


class Adding:
    """Adds a user and counts how often it was run; the last of its answers counts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs = 0

    async def __call__(self, tx: Transaction) -> tuple[str, int]:
        self.runs += 1
        await tx.users.add(user(id=self.name, email=self.name))
        return self.name, self.runs


async def writes_and_fails(tx: Transaction) -> None:
    await tx.events.append(event())
    raise ZeroDivisionError


async def reads_and_fails(tx: Transaction) -> None:
    await tx.users.find("ada")
    raise ZeroDivisionError


async def at_once(store: SqliteStore, *works: Asked) -> list[Any]:
    asked = [asyncio.ensure_future(store.transact(work)) for work in works]
    return await asyncio.gather(*asked, return_exceptions=True)


async def names_in(store: SqliteStore) -> set[str]:
    return {each.id for each in await store.read(lambda tx: tx.users.every())}


async def test_where_nothing_is_undone_no_savepoint_is_kept(
    sqlite: SqliteStore, said: list[str]
) -> None:
    """It would copy each page that a work changes. Whoever fails without writing needs none."""
    before, after = Adding("before"), Adding("after")
    answers = await at_once(sqlite, before, reads_and_fails, after)
    assert answers[0] == ("before", 1)
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == ("after", 1)
    assert said == ["BEGIN IMMEDIATE", "COMMIT"]
    assert await names_in(sqlite) == {"before", "after"}


async def test_who_fails_after_it_wrote_leaves_nothing_and_takes_nobody_along(
    sqlite: SqliteStore, said: list[str]
) -> None:
    before, after = Adding("before"), Adding("after")
    answers = await at_once(sqlite, before, writes_and_fails, after)
    assert answers[0] == ("before", 2)
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == ("after", 1)
    assert await names_in(sqlite) == {"before", "after"}
    assert await sqlite.read(lambda tx: tx.events.latest(9)) == []
    assert said.count("ROLLBACK") == 1
    assert said.count("ROLLBACK TO work") == 1


async def test_the_answer_is_that_of_the_run_that_stands(sqlite: SqliteStore) -> None:
    """One that fails the first time for what another did, which is undone, does not fail."""
    runs: list[int] = []

    async def once(tx: Transaction) -> None:
        runs.append(len(runs))
        if runs == [0]:
            await writes_and_fails(tx)

    async def finds(tx: Transaction) -> int:
        return len(await tx.users.every())

    assert await at_once(sqlite, once, finds) == [None, 0]
    assert runs == [0, 1]


async def test_who_fails_on_purpose_does_not_have_everything_run_twice(
    sqlite: SqliteStore, said: list[str]
) -> None:
    """An attack: each batch undone would be each batch twice."""
    await at_once(sqlite, writes_and_fails)
    said.clear()
    for number in range(CAREFUL):
        beside = Adding(str(number))
        assert (await at_once(sqlite, beside, writes_and_fails))[0] == (str(number), 1)
    assert "ROLLBACK" not in said
    assert said.count("ROLLBACK TO work") == CAREFUL
    said.clear()
    await at_once(sqlite, Adding("later"))
    assert said == ["BEGIN IMMEDIATE", "COMMIT"], "and then it is as it was"


async def test_what_was_remembered_of_what_is_undone_is_forgotten(sqlite: SqliteStore) -> None:
    """Processes remember what seldom changes; a change that never was is no change."""
    found: list[object] = []

    async def changes(tx: Transaction) -> None:
        await tx.apis.every()
        await tx.default_lifetimes.keep(DefaultLifetime(300, 1))
        found.append(await tx.default_lifetimes.find())
        raise ZeroDivisionError

    async def looks(tx: Transaction) -> None:
        found.append(await tx.default_lifetimes.find())

    await at_once(sqlite, changes, looks)
    assert found[0] is not None
    assert found[-1] is None


async def test_a_savepoint_that_a_failure_left_open_is_undone(
    sqlite: SqliteStore, said: list[str]
) -> None:
    """What the engine failed inside `attempt` has no end: the batch must not go on inside it."""

    async def breaks(tx: Transaction) -> None:
        raise StoreUnavailable("as if the disk had failed")

    async def attempts(tx: Transaction) -> None:
        await tx.attempt(breaks)

    answers = await at_once(sqlite, Adding("before"), attempts, Adding("after"))
    assert answers[0] == ("before", 2)
    assert isinstance(answers[1], StoreUnavailable)
    assert answers[2] == ("after", 1)
    assert await names_in(sqlite) == {"before", "after"}
    first = said.index("ROLLBACK")
    assert "SAVEPOINT attempt" in said[:first], "it was left there"
    assert said[first:].count("SAVEPOINT attempt") == said[first:].count("ROLLBACK TO work") == 1


async def test_time_goes_on_while_it_is_careful(sqlite: SqliteStore, clock: Clock) -> None:
    await at_once(sqlite, writes_and_fails)
    seen: list[int] = []

    async def looks(tx: Transaction) -> None:
        seen.append(tx.now)

    for _ in range(3):
        await at_once(sqlite, looks)
        clock.now += 60
    assert [later - seen[0] for later in seen] == [0, 60, 120]


async def test_what_was_begun_stands_though_nobody_waits_any_more(sqlite: SqliteStore) -> None:
    """Also where it is undone with the others and run anew."""
    leaving = asyncio.ensure_future(sqlite.transact(Adding("begun")))

    async def leaves_and_fails(tx: Transaction) -> None:
        leaving.cancel()
        await writes_and_fails(tx)

    failing = asyncio.ensure_future(sqlite.transact(leaves_and_fails))
    answers = await asyncio.gather(leaving, failing, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, ZeroDivisionError]
    assert await names_in(sqlite) == {"begun"}


async def test_who_is_run_anew_finds_nothing_of_the_run_that_is_undone(sqlite: SqliteStore) -> None:
    """Not even what it wrote itself, and read again, and was remembered."""
    found: list[object] = []

    async def changes(tx: Transaction) -> None:
        found.append(await tx.default_lifetimes.find())
        await tx.default_lifetimes.keep(DefaultLifetime(300, 1))
        assert await tx.default_lifetimes.find() is not None

    await at_once(sqlite, changes, writes_and_fails)
    assert found == [None, None]
