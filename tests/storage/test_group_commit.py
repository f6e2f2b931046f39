"""Group commit: what was answered is stored, and what could not be stored was not answered."""

import asyncio
import resource
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
import uvloop

from counterfoil.server.records.failures import Conflict, Overloaded, StoreUnavailable
from counterfoil.server.records.store import Transaction
from counterfoil.server.storage.bounded_queue import Bounds
from counterfoil.server.storage.group_commit import MOST_WORKS, _in_turns
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.work import SuspendedWork
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.samples import client_secret, event, feed_is_whole, notice, user

pytestmark = pytest.mark.anyio


class Gate:
    """Holds a real COMMIT of the store in its thread until it is opened."""

    def __init__(self, engine: apsw.Connection) -> None:
        self._engine = engine
        self._reached = threading.Event()
        self._opened = threading.Event()
        self.refuses = False
        self.commits = 0
        engine.set_commit_hook(self._hold)

    def _hold(self) -> bool:
        self.commits += 1
        self._reached.set()
        assert self._opened.wait(30)
        return self.refuses

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 30)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
async def gate(sqlite: SqliteStore) -> AsyncIterator[Gate]:
    held = Gate(engine_of(sqlite))
    yield held
    held.open()


def engine_of(store: SqliteStore) -> apsw.Connection:
    engine = store._commits._connection.engine
    assert engine is not None
    return engine


def adding(store: SqliteStore, number: int) -> "asyncio.Future[None]":
    new = user(id=str(number), email=str(number))
    return asyncio.ensure_future(store.transact(lambda tx: tx.users.add(new)))


async def users_of(store: SqliteStore) -> set[str]:
    return {each.id for each in await store.read(lambda tx: tx.users.every())}


async def raising(tx: Transaction) -> None:
    await tx.events.append(event())
    raise ZeroDivisionError


async def test_no_answer_of_a_batch_leaves_before_its_commit_has_returned(
    sqlite: SqliteStore, gate: Gate
) -> None:
    """Neither what a work returned, nor what it raised: an error may rest on a sibling."""
    conflicting = user(id="other", email="1")
    asked = [
        adding(sqlite, 1),
        asyncio.ensure_future(sqlite.transact(raising)),
        asyncio.ensure_future(sqlite.transact(lambda tx: tx.users.add(conflicting))),
        asyncio.ensure_future(sqlite.transact(lambda tx: asyncio.sleep(0))),
    ]
    await gate.reached()
    for _ in range(10):
        await asyncio.sleep(0)
    assert [each.done() for each in asked] == [False] * 4
    assert await users_of(sqlite) == set()
    gate.open()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        type(None),
        ZeroDivisionError,
        Conflict,
        SuspendedWork,
    ]
    assert await users_of(sqlite) == {"1"}


async def test_the_event_loop_reads_on_while_a_commit_is_slow(
    sqlite: SqliteStore, gate: Gate
) -> None:
    asked = adding(sqlite, 1)
    await gate.reached()
    version = sqlite.version()
    assert await users_of(sqlite) == set()
    gate.open()
    await asked
    assert sqlite.version() != version


@pytest.mark.parametrize("beside", [True, False])
async def test_a_commit_for_which_an_ending_waits_has_its_turn_soon(
    sqlite: SqliteStore, gate: Gate, beside: bool
) -> None:
    """A busy loop keeps the interpreter for milliseconds; afterwards it does again."""
    before = sys.getswitchinterval()
    new = user(id="1", email="1")
    asked = asyncio.ensure_future(sqlite.transact(lambda tx: tx.users.add(new), beside=beside))
    await gate.reached()
    assert (sys.getswitchinterval() < before) is not beside
    gate.open()
    await asked
    assert sys.getswitchinterval() == before


def test_two_stores_of_a_process_leave_it_as_it_was() -> None:
    """Whichever ends first."""
    before = sys.getswitchinterval()
    one, other = _in_turns(quick=True), _in_turns(quick=True)
    one.__enter__()
    other.__enter__()
    assert sys.getswitchinterval() < before
    one.__exit__(None, None, None)
    other.__exit__(None, None, None)
    assert sys.getswitchinterval() == before


async def test_whatever_is_asked_during_a_commit_is_committed_together(
    sqlite: SqliteStore, gate: Gate
) -> None:
    first = adding(sqlite, 0)
    await gate.reached()
    later = [adding(sqlite, number) for number in range(1, MOST_WORKS + 2)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *later)
    assert gate.commits == 3
    assert len(await users_of(sqlite)) == MOST_WORKS + 2


async def test_a_commit_that_is_refused_answers_nobody_and_stores_nothing(
    sqlite: SqliteStore, gate: Gate
) -> None:
    gate.refuses = True
    asked = [adding(sqlite, number) for number in range(3)]
    asked.append(asyncio.ensure_future(sqlite.transact(raising)))
    await gate.reached()
    gate.open()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 4
    assert await users_of(sqlite) == set()
    await adding(sqlite, 9)
    assert await users_of(sqlite) == {"9"}


async def test_what_stands_only_broken_at_the_commit_fails_the_whole_batch(
    sqlite: SqliteStore,
) -> None:
    async def secret_of_nobody(tx: Transaction) -> None:
        engine_of(sqlite).execute("PRAGMA defer_foreign_keys = ON")
        await tx.clients.add_secret(client_secret(client_id="nobody"))

    broken = asyncio.ensure_future(sqlite.transact(secret_of_nobody))
    answers = await asyncio.gather(adding(sqlite, 1), broken, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
    await adding(sqlite, 2)
    assert await users_of(sqlite) == {"2"}


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Like a full disk, for real: the kernel refuses to write further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_is_full_at_the_commit_loses_nothing_that_was_answered(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    await asyncio.gather(*(adding(sqlite, number) for number in range(50)))
    wal = (tmp_path / "counterfoil.db-wal").stat().st_size
    with no_file_grows_beyond(wal + 1_000):
        asked = [adding(sqlite, number) for number in range(50, 60)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 10
    assert await users_of(sqlite) == {str(number) for number in range(50)}
    await adding(sqlite, 99)
    assert await users_of(sqlite) == {str(number) for number in [*range(50), 99]}


async def test_an_engine_that_rolls_back_by_itself_fails_the_whole_batch(
    sqlite: SqliteStore,
) -> None:
    """The database is full in the middle of a work, which even catches it and writes on."""

    async def fill_up(tx: Transaction) -> None:
        await tx.events.append(event(detail={"x": "x" * 1_000_000}))

    async def catches(tx: Transaction) -> str:
        try:
            await fill_up(tx)
        except StoreUnavailable:
            await tx.users.add(user())
        return "answered"

    await adding(sqlite, 1)
    engine = engine_of(sqlite)
    engine.pragma("max_page_count", engine.pragma("page_count"))
    asked = [
        adding(sqlite, 2),
        asyncio.ensure_future(sqlite.transact(catches)),
        adding(sqlite, 3),
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert "answered" not in answers
    assert await users_of(sqlite) == {"1"} | {
        name for name, answer in zip(["2", "catches", "3"], answers, strict=True) if answer is None
    }
    assert not await sqlite.read(lambda tx: tx.events.latest(1))


async def test_a_transaction_that_was_lost_stores_nothing_of_the_batch(
    sqlite: SqliteStore,
) -> None:
    """Autocommit found on: the batch ends there, and whoever waits gets a new one."""

    async def lose(tx: Transaction) -> str:
        await tx.events.append(event())
        engine_of(sqlite).execute("ROLLBACK")
        return "answered"

    asked = [adding(sqlite, 1), asyncio.ensure_future(sqlite.transact(lose)), adding(sqlite, 2)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable, StoreUnavailable, type(None)]
    assert await users_of(sqlite) == {"2"}


async def test_a_caller_that_leaves_breaks_nothing(sqlite: SqliteStore, gate: Gate) -> None:
    begun = [adding(sqlite, number) for number in (1, 2)]
    await gate.reached()
    waiting = [adding(sqlite, number) for number in (3, 4)]
    await asyncio.sleep(0)
    begun[0].cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    gate.open()
    answers = await asyncio.gather(*begun, *waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        asyncio.CancelledError,
        type(None),
        asyncio.CancelledError,
        type(None),
    ]
    # What was begun stands; what was not begun was never run.
    assert await users_of(sqlite) == {"1", "2", "4"}


@pytest.fixture
async def narrow(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    """A store before which two may wait, and two endings, for a tenth of a second."""
    store = SqliteStore.open(
        tmp_path / "counterfoil.db",
        clock=clock,
        random=secrets.token_bytes,
        bounds=Bounds(most=2, seconds=0.1),
    )
    yield store
    await store.close()


async def test_whoever_comes_to_a_full_queue_is_turned_away_at_once_and_did_nothing(
    narrow: SqliteStore,
) -> None:
    """Endings have places of their own, and go first; so does what tells guards of them."""
    gate, order = Gate(engine_of(narrow)), list[str]()

    def asking(name: str, *, beside: bool = False, urgent: bool = False) -> "asyncio.Future[None]":
        async def work(tx: Transaction) -> None:
            order.append(name)
            await tx.users.add(user(id=name, email=name))

        return asyncio.ensure_future(narrow.transact(work, beside=beside, urgent=urgent))

    first = asking("first", beside=True)
    await gate.reached()
    waiting = [asking(name, beside=True) for name in ("token 1", "token 2")]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await asking("token 3", beside=True)
    first_ones = [asking("ending"), asking("lease", beside=True, urgent=True)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *waiting, *first_ones)
    assert order == ["first", "ending", "lease", "token 1", "token 2"]
    assert await users_of(narrow) == set(order)


async def test_who_waits_for_too_long_is_turned_away_while_the_writer_is_stuck(
    narrow: SqliteStore, tmp_path: Path
) -> None:
    """Another process holds the database: nobody hears of it only when it lets go."""
    other = apsw.Connection(str(tmp_path / "counterfoil.db"))
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(5):
        for number in range(3):
            with pytest.raises(Overloaded, match="in time"):
                await adding(narrow, number)
    other.execute("ROLLBACK")
    other.close()
    await adding(narrow, 9)
    assert await users_of(narrow) == {"9"}, "what was shed was never done"


def test_a_loop_that_ends_amid_a_commit_leaves_a_store_that_works(
    tmp_path: Path, clock: Clock
) -> None:
    store = open_sqlite(tmp_path, clock)
    gate = Gate(engine_of(store))

    async def leave() -> None:
        asked = adding(store, 1)
        await gate.reached()
        threading.Timer(0.05, gate.open).start()
        asked.cancel()

    asyncio.run(leave())
    asyncio.run(store.transact(lambda tx: tx.users.add(user())))
    assert asyncio.run(users_of(store)) == {"1", "ada"}
    asyncio.run(store.close())


async def test_a_writer_that_is_cancelled_answers_what_it_began(
    sqlite: SqliteStore, gate: Gate
) -> None:
    asked = adding(sqlite, 1)
    await gate.reached()
    writer = sqlite._commits._writer
    assert writer is not None
    writer.cancel()
    threading.Timer(0.05, gate.open).start()
    await asked
    await adding(sqlite, 2)
    assert await users_of(sqlite) == {"1", "2"}


def test_the_store_runs_on_uvloop_too(tmp_path: Path, clock: Clock) -> None:
    store = open_sqlite(tmp_path, clock)

    async def use() -> set[str]:
        await asyncio.gather(*(adding(store, number) for number in range(200)))
        names = await users_of(store)
        await store.close()
        return names

    assert uvloop.run(use()) == {str(number) for number in range(200)}


async def test_a_store_waits_for_another_process_without_blocking_the_loop(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    other = apsw.Connection(str(tmp_path / "counterfoil.db"))
    other.execute("BEGIN IMMEDIATE")
    asked = [adding(sqlite, 1), adding(sqlite, 2)]
    for _ in range(100):
        await asyncio.sleep(0)
    assert not any(each.done() for each in asked)
    assert await users_of(sqlite) == set()
    other.execute("ROLLBACK")
    await asyncio.gather(*asked)
    assert await users_of(sqlite) == {"1", "2"}
    other.close()


async def test_what_is_answered_is_seen_by_another_connection_at_once(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    other = apsw.Connection(str(tmp_path / "counterfoil.db"), flags=apsw.SQLITE_OPEN_READONLY)

    async def tell(number: int) -> None:
        await sqlite.transact(lambda tx: tx.notices.append([notice(str(number))]))
        texts = [text for (text,) in other.execute("SELECT text FROM notices")]
        assert notice(str(number)).text() in texts

    await asyncio.gather(*(tell(number) for number in range(300)))
    assert await sqlite.read(feed_is_whole) == 300
    other.close()
