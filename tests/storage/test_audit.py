"""The audit log in the store: numbered in its savepoint, cheap to append to, the old taken in."""

import secrets
from itertools import takewhile
from pathlib import Path

import apsw
import pytest

from counterfoil.server.records.audit import Segment
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.storage.migration import shipped
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.sqlite_schema import migrate
from counterfoil.server.storage.statements.events import EventStatements
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.samples import NOW, event, log_is_whole, signing_key

pytestmark = pytest.mark.anyio


async def test_lines_are_numbered_without_a_gap_and_chained(store: Store) -> None:
    for number in range(5):
        await store.transact(lambda tx, n=number: tx.events.append(event(subject=f"s{n}")))
    assert await store.read(log_is_whole) == 5


async def test_a_work_that_is_rolled_back_takes_its_lines_with_it(store: Store) -> None:
    """S111: numbers come from the database, never from memory."""

    async def stumbles(tx: Transaction) -> None:
        await tx.events.append(event())
        await tx.events.append(event())
        raise RuntimeError

    await store.transact(lambda tx: tx.events.append(event()))
    with pytest.raises(RuntimeError):
        await store.transact(stumbles)
    await store.transact(lambda tx: tx.events.append(event()))
    assert await store.read(log_is_whole) == 2


async def test_appending_costs_one_statement_more_than_the_insert() -> None:
    """The newest line is read, the next is written; and no more than that."""

    class Counting:
        now = NOW

        def __init__(self) -> None:
            self.asked: list[str] = []

        async def one(self, sql: str, *values: object) -> tuple[int, str]:
            self.asked.append(sql)
            return 7, "digest"

        async def all(self, sql: str, *values: object) -> list[object]:
            raise AssertionError(sql)

        async def run(self, sql: str, *values: object) -> int:
            self.asked.append(sql)
            assert values[0] == 8
            return 1

    counting = Counting()
    await EventStatements(counting, secrets.token_bytes).append(event())
    assert len(counting.asked) == 2


async def test_events_are_found_by_what_is_asked(store: Store) -> None:
    async def work(tx: Transaction) -> None:
        await tx.events.append(event(subject="sid-1"))
        await tx.events.append(event(kind=EventKind.USER_ADDED, actor="cli", subject="ada"))
        await tx.events.append(event(subject="sid-2", at=NOW + 5, detail={"user_id": "ada"}))

    await store.transact(work)

    async def numbers(**asked: object) -> list[int]:
        query = EventQuery(**asked)
        return [each.number for each in await store.read(lambda tx: tx.events.find(query))]

    assert await numbers() == [3, 2, 1]
    assert await numbers(limit=2) == [3, 2]
    assert await numbers(kind=EventKind.USER_ADDED) == [2]
    assert await numbers(actor="user:ada") == [3, 1]
    assert await numbers(actor="cli") == [2]
    assert await numbers(subject="sid-1") == [1]
    assert await numbers(subject="ada") == [3, 2]
    assert await numbers(person="ada") == [3, 2, 1]
    assert await numbers(since=NOW + 5) == [3]
    assert await numbers(before=3, after=1) == [2]
    assert await numbers(subject="' OR 1=1 --", actor="user:' OR 1=1") == []


async def test_a_segment_is_noted_once_and_its_lines_go_a_few_at_a_time(
    store: Store, clock: Clock
) -> None:
    for _ in range(5):
        await store.transact(lambda tx: tx.events.append(event()))
    last = await store.read(lambda tx: tx.events.last())
    segment = Segment(
        first_number=1, last_number=5, digest_before="a", last_digest=last.digest, last_at=NOW
    )
    await store.transact(lambda tx: tx.segments.add(segment))
    assert await store.read(lambda tx: tx.segments.every()) == [segment]
    for _ in range(2):
        await store.transact(lambda tx: tx.segments.note_export(segment))
        clock.now += 1
    (noted,) = await store.read(lambda tx: tx.segments.every())
    assert (noted.exported_at, noted.dropped_at) == (NOW, None)
    gone = [await store.transact(lambda tx: tx.segments.drop(segment, 3)) for _ in range(3)]
    assert gone == [3, 2, 0]
    assert await store.read(lambda tx: tx.events.last()) == last
    await store.transact(lambda tx: tx.events.append(event()))
    assert (await store.read(lambda tx: tx.events.last())).number == 6


async def test_the_public_half_of_a_gone_feed_key_stays(store: Store) -> None:
    """S111: a head that was kept for years is still a witness."""
    from counterfoil.server.records.signing_key import Purpose

    async def work(tx: Transaction) -> None:
        await tx.signing_keys.add(signing_key(kid="f", purpose=Purpose.FEED, gone_at=NOW))
        await tx.signing_keys.add(signing_key(kid="t", gone_at=NOW))
        await tx.signing_keys.add(signing_key(kid="n", purpose=Purpose.FEED))
        for _ in range(2):
            await tx.sweep(10)

    await store.transact(work)
    assert not await store.read(lambda tx: tx.signing_keys.every(Purpose.TOKENS))
    kept = await store.read(lambda tx: tx.signing_keys.feed_keys())
    assert sorted(key.kid for key in kept) == ["f", "n"]


BEFORE = """
INSERT INTO events (kind, at, actor, subject, address, user_agent, detail)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def earlier_file(path: Path, count: int) -> None:
    """A database as it was before the log was chained."""
    older = list(takewhile(lambda each: not each.name.endswith("_audit.sql"), shipped()))
    engine = apsw.Connection(str(path))
    migrate(engine, older, NOW)
    for number in range(count):
        row = ("signed_in", NOW, "user:ada", f"s{number}", "192.0.2.1", "curl", '{"why":"x"}')
        engine.execute(BEFORE, row)
    engine.close()


async def test_events_from_before_the_log_become_its_first_lines(
    tmp_path: Path, clock: Clock
) -> None:
    earlier_file(tmp_path / "counterfoil.db", 3)
    for _ in range(2):
        store = open_sqlite(tmp_path, clock)
        await store.transact(lambda tx: tx.events.append(event()))
        await store.close()
    store = open_sqlite(tmp_path, clock)
    assert await store.read(log_is_whole) == 5
    latest = await store.read(lambda tx: tx.events.latest(9))
    assert [each.subject for each in latest[2:]] == ["s2", "s1", "s0"]
    assert (latest[4].actor, latest[4].address, latest[4].detail) == (
        "user:ada",
        "192.0.2.1",
        {"why": "x"},
    )
    assert tables_named(store, "events_before") == []
    await store.close()


async def test_taking_them_in_that_fails_leaves_all_as_it_was(tmp_path: Path, clock: Clock) -> None:
    earlier_file(tmp_path / "counterfoil.db", 3)

    def stumbles(count: int) -> bytes:
        raise RuntimeError("no chance today")

    with pytest.raises(RuntimeError):
        SqliteStore.open(tmp_path / "counterfoil.db", clock=clock, random=stumbles)
    store = open_sqlite(tmp_path, clock)
    assert await store.read(log_is_whole) == 3
    await store.close()


def tables_named(store: SqliteStore, name: str) -> list[object]:
    engine = apsw.Connection(str(store._path))
    found = engine.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (name,)).fetchall()
    engine.close()
    return list(found)


async def test_no_question_about_one_thing_scans_the_log(sqlite: SqliteStore) -> None:
    """What an explanation asks costs the same in a log of a million lines."""
    engine = apsw.Connection(str(sqlite._path))

    class Planning:
        now = NOW

        async def all(self, sql: str, *values: object) -> list[object]:
            plan = engine.execute(f"EXPLAIN QUERY PLAN {sql}", values)
            assert not [detail for *_, detail in plan if detail.startswith("SCAN")]
            return []

    statements = EventStatements(Planning(), secrets.token_bytes)
    for query in (
        EventQuery(subject="x"),
        EventQuery(subject="x", since=NOW),
        EventQuery(person="x"),
        EventQuery(actor="user:x"),
        EventQuery(kind=EventKind.PERSONAL_DATA_ERASED, after=7),
    ):
        await statements.find(query)
    engine.close()
