"""Group commit: one writer, one batch at a time, one work after the other.

No answer of a batch, of return or error, leaves before its COMMIT has returned. Of a work that
fails nothing stands: where it had written, the batch is undone and run anew, each in a savepoint.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

import apsw

from counterfoil.server.records.failures import Overloaded, StoreUnavailable
from counterfoil.server.records.store import Transaction, Work
from counterfoil.server.storage.bounded_queue import BoundedQueue, Bounds
from counterfoil.server.storage.sqlite_connection import SqliteConnection, unavailable
from counterfoil.server.storage.work import finished

T = TypeVar("T")

MOST_WORKS: Final = 128
"""In one batch: the event loop stands still while they run."""

CAREFUL: Final = 64
"""So many batches keep savepoints after one was undone, for it may be brought about on purpose.

A savepoint keeps a copy of each page that a work changes, and what it would be for is rare.
"""

_QUICK_SECONDS: Final = 0.0002
"""How long a thread computes before another that waits has its turn."""
_POLL_SECONDS: Final = 0.0005
_POLLS: Final = 20_000


class _Asked(Generic[T]):
    """A work, and the caller that awaits its answer."""

    __slots__ = ("_answer", "_error", "_value", "_work", "is_urgent")

    def __init__(self, work: Work[T], answer: asyncio.Future[T], *, is_urgent: bool) -> None:
        self.is_urgent = is_urgent
        self._work = work
        self._answer = answer
        self._value: T | None = None
        self._error: BaseException | None = None

    @property
    def is_awaited(self) -> bool:
        return not self._answer.done()

    @property
    def met_failure(self) -> bool:
        """Whether the engine failed it: a savepoint of its own may have been left open."""
        return isinstance(self._error, StoreUnavailable)

    def begin(self, transaction: Transaction) -> bool:
        """Run the work; whether it returned. Its answer stays here until the commit."""
        self._error = None  # it may be the second time
        try:
            self._value = finished(self._work, transaction)
        except (Exception, asyncio.CancelledError) as error:
            self._error = error
            return False
        return True

    def deliver(self) -> None:
        if self._answer.done():
            return
        if self._error is None:
            self._answer.set_result(self._value)  # type: ignore[arg-type]  # set where there is no error
        elif isinstance(self._error, asyncio.CancelledError):
            self._answer.cancel()
        else:
            self._answer.set_exception(self._error)

    def fail(self, why: StoreUnavailable) -> None:
        if not self._answer.done():
            self._answer.set_exception(why)


@contextmanager
def _in_turns(*, quick: bool) -> Iterator[None]:
    """Let the committing thread have the interpreter soon, where somebody waits for an ending.

    A loop that is busy gives it away after five milliseconds, twice for each commit. For all that
    is good: more works join the next batch. An ending would reach the guards so much later.
    """
    before = sys.getswitchinterval()
    if not quick or before <= _QUICK_SECONDS:
        # Where another store of this process has made it so, that one puts it back, too.
        yield
        return
    sys.setswitchinterval(_QUICK_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class GroupCommit:
    """Runs works in batches on the one connection that writes.

    ``reopen`` gives a new connection below after a failure; ``clock`` is read once per work;
    ``bounds`` say how many may wait, and for how long. Event loops may follow one another, but only
    one at a time may use this object.
    """

    def __init__(
        self,
        connection: SqliteConnection,
        transaction: Transaction,
        *,
        reopen: Callable[[], apsw.Connection],
        clock: Callable[[], float],
        bounds: Bounds,
    ) -> None:
        self._connection = connection
        self._transaction = transaction
        self._reopen = reopen
        self._clock = clock
        self._waiting: BoundedQueue[_Asked[object]] = BoundedQueue(bounds)
        self._looking: asyncio.AbstractEventLoop | None = None
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "counterfoil-commit")
        self._careful = 0
        self._closed = False

    async def run(self, work: Work[T], *, urgent: bool = False) -> T:
        """Run a work, and answer when its batch has been committed.

        Raises:
            Overloaded: too many wait, or this one waited for too long; it was not begun.
            StoreUnavailable: the commit failed; nothing is stored.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        asked = _Asked(work, answer, is_urgent=urgent)
        self._waiting.join(asked, loop.time(), urgent=urgent)  # type: ignore[arg-type]  # answered by its own work only
        if self._looking is not loop:
            self._look_when_due(loop)
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write())
        return await answer

    async def close(self) -> None:
        """Finish what was begun, and let go of the connection."""
        self._closed = True
        if self._writer is not None and not self._writer.done():
            await asyncio.wait({self._writer})
        await self._in_thread(self._connection.drop)
        self._thread.shutdown()

    async def _write(self) -> None:
        while self._waiting:
            if not self._waiting.has_urgent:
                await asyncio.sleep(0)  # whoever was let in by the last commit may come along
            await self._batch()

    def _look_when_due(self, loop: asyncio.AbstractEventLoop) -> None:
        due = self._waiting.due
        self._looking = None if due is None else loop
        if due is not None:
            loop.call_at(due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Turn away who has waited for too long, though the writer may be stuck."""
        self._shed(loop)
        self._look_when_due(loop)

    def _shed(self, loop: asyncio.AbstractEventLoop) -> None:
        for asked in self._waiting.stale(loop.time()):
            asked.fail(Overloaded("the turn at the database did not come in time"))

    async def _batch(self) -> None:
        batch: list[_Asked[object]] = []
        try:
            await self._begin()
            if not self._fill(batch):
                await self._run_anew(batch)
            with _in_turns(quick=any(asked.is_urgent for asked in batch)):
                await self._in_thread(lambda: self._connection.step("COMMIT"))
        except Exception as error:
            self._abandon(batch, error)
        except BaseException as error:
            self._abandon(batch, error)
            raise
        else:
            for asked in batch:
                asked.deliver()

    async def _begin(self) -> None:
        if self._connection.engine is None:
            self._connection.hold(self._reopen())
        try:
            self._connection.step("BEGIN IMMEDIATE")
        except apsw.BusyError:
            await self._in_thread(self._begin_when_free)

    def _begin_when_free(self) -> None:
        """Another process writes. SQLite's own waiting backs off, and would starve beside it."""
        for _ in range(_POLLS):
            try:
                return self._connection.step("BEGIN IMMEDIATE")
            except apsw.BusyError:
                time.sleep(_POLL_SECONDS)
        raise StoreUnavailable("another process holds the database")

    def _fill(self, batch: list[_Asked[object]]) -> bool:
        """Run what waits; ``False`` where one has failed that had written: all must be undone."""
        self._shed(asyncio.get_running_loop())
        run = self._run_in_savepoint if self._careful else self._run
        self._careful = max(self._careful - 1, 0)
        while self._waiting and len(batch) < MOST_WORKS:
            asked = self._waiting.pop()
            if asked.is_awaited:
                batch.append(asked)
                if not run(asked):
                    return False
        return True

    async def _run_anew(self, batch: list[_Asked[object]]) -> None:
        self._careful = CAREFUL
        self._connection.step("ROLLBACK")
        await self._begin()
        for asked in batch:
            self._run_in_savepoint(asked)

    def _run(self, asked: _Asked[object]) -> bool:
        """Run a work; whether it returned, or has left nothing that must be undone."""
        before = self._connection.rows_changed
        if self._at_work(asked):
            return True
        return self._connection.rows_changed == before and not asked.met_failure

    def _run_in_savepoint(self, asked: _Asked[object]) -> bool:
        self._connection.step("SAVEPOINT work")
        if not self._at_work(asked):
            self._connection.step("ROLLBACK TO work")
        self._connection.step("RELEASE work")
        return True

    def _at_work(self, asked: _Asked[object]) -> bool:
        connection = self._connection
        connection.now = int(self._clock())
        connection.at_work = True
        try:
            returned = asked.begin(self._transaction)
        finally:
            connection.at_work = False
        if not connection.in_transaction:  # the engine has rolled back by itself, the others too
            raise StoreUnavailable("the database had given up the transaction")
        return returned

    def _abandon(self, batch: list[_Asked[object]], why: BaseException) -> None:
        self._connection.drop()
        for asked in batch or list(self._waiting.clear()):
            asked.fail(unavailable(why))

    async def _in_thread(self, step: Callable[[], None]) -> None:
        """Run a step that may block. What was begun is finished, even if we are cancelled."""
        done = self._thread.submit(step)
        try:
            await asyncio.shield(asyncio.wrap_future(done))
        except asyncio.CancelledError:
            done.result()
