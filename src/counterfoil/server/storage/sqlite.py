"""The store on SQLite: statements inline in the event loop, only begin and commit leave it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import apsw

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Store, Work
from counterfoil.server.storage.bounded_queue import BOUNDS, Bounds
from counterfoil.server.storage.group_commit import GroupCommit
from counterfoil.server.storage.remembered import (
    TABLES,
    ReadingTransaction,
    RememberingTransaction,
)
from counterfoil.server.storage.sqlite_connection import SqliteConnection, unavailable
from counterfoil.server.storage.sqlite_file import open_reader, open_writer, prepare
from counterfoil.server.storage.sqlite_watching import REGISTRATIONS, VERSION, WatchingConnection
from counterfoil.server.storage.statements.fences import FIND, Demand, demand_open
from counterfoil.server.storage.work import finished

T = TypeVar("T")

_TRIES_TO_OPEN: Final = 5


class SqliteStore(Store):
    """Keeps the promises of ``Store`` in one file, which several processes may share.

    It belongs to one event loop at a time; loops may follow one another.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        bounds: Bounds,
        demand: Demand = demand_open,
    ) -> None:
        self._path = path
        self._demand = demand
        self._clock = clock
        self._reading = SqliteConnection()
        self._view = ReadingTransaction(self._reading, random)
        self._looked_at = -1
        self._versions_before = 0
        self._version = 0
        self._closed = False
        writing = WatchingConnection(TABLES)
        writing.hold(open_writer(path))
        transaction = RememberingTransaction(writing, random)
        writing.changed = transaction.forget
        self._commits = GroupCommit(
            writing,
            transaction,
            reopen=lambda: open_writer(path),
            clock=clock,
            bounds=bounds,
        )
        self._read_cursor: apsw.Cursor | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        bounds: Bounds = BOUNDS,
        demand: Demand = demand_open,
    ) -> "SqliteStore":
        """Open the file, make it if there is none, and bring it to the newest form.

        ``clock`` gives seconds since the epoch, ``random`` so many random bytes; ``demand`` says
        which fences are none.

        Raises:
            UnsupportedSqlite: the SQLite library is older than 3.51.3.
            UnknownDatabase: the database demands a newer version.
            StoreShut: a fence stands.
            StoreUnavailable: the file cannot be made or used.
        """
        for tries_left in reversed(range(_TRIES_TO_OPEN)):
            try:
                prepare(path, int(clock()), random, demand)
                return cls(path, clock=clock, random=random, bounds=bounds, demand=demand)
            except (OSError, apsw.Error) as error:
                # Two that open at once may each wait for the other: the engine turns one away.
                if not (tries_left and isinstance(error, apsw.BusyError)):
                    raise unavailable(error) from error
        raise AssertionError("the last try gives the store or raises")

    async def transact(self, work: Work[T], *, beside: bool = False, urgent: bool = False) -> T:
        """Run a work alone, and commit, together with whatever else is asked meanwhile.

        There is one writer: ``beside`` says only that the work need not be urgent. A caller that is
        cancelled breaks nothing; its work, if it was begun, stands.

        Raises:
            Overloaded: too many wait, or this one has waited for too long.
            StoreShut: a fence stands.
            StoreUnavailable: the commit failed; nothing is stored.
            SuspendedWork: the work awaited something other than its transaction.
        """
        self.version()
        return await self._commits.run(work, urgent=urgent or not beside)

    async def read(self, work: Work[T], *, urgent: bool = False) -> T:
        """Run a work that only reads, inline, on one consistent view of what was committed.

        Nobody waits for a turn to read: each is ``urgent``.

        Raises:
            StoreUnavailable: the engine failed.
            SuspendedWork: the work awaited something other than its transaction.
        """
        reading = self._reading
        if reading.at_work:
            raise RuntimeError("a work that reads began another one")
        try:
            self._cursor().execute("BEGIN")
            reading.now = int(self._clock())
            reading.at_work = True
            try:
                self._look()
                return finished(work, self._view)
            finally:
                reading.at_work = False
                reading.step("COMMIT")
        except StoreUnavailable:
            self._drop_reader()
            raise
        except apsw.Error as error:
            self._drop_reader()
            raise unavailable(error) from error

    async def glance(self, work: Work[T]) -> T:
        """Run a work that asks for nothing but decisions, inline.

        Where nobody has committed since the last look, all that is remembered stands, and no
        transaction need begin; one that asks for rows fails.

        Raises:
            StoreUnavailable: the engine failed.
        """
        if self.version() != self._looked_at:
            return await self.read(work)
        self._reading.now = int(self._clock())
        return finished(work, self._view)

    def _look(self) -> None:
        version = self.version()
        if version != self._looked_at:
            self._view.see(self._cursor().execute(REGISTRATIONS).get)
            self._looked_at = version

    def version(self) -> int:
        """A number that changes whenever anyone, in any process, has committed.

        Raises:
            StoreShut: a fence stands.
            StoreUnavailable: the engine failed.
        """
        try:
            version: int = self._versions_before + self._cursor().execute(VERSION).get
            if version != self._version:
                self._demand(self._cursor().execute(FIND).fetchone())
        except apsw.Error as error:
            self._drop_reader()
            raise unavailable(error) from error
        self._version = version
        return version

    async def version_now(self) -> int:
        """Give the version: the engine is asked in any case.

        Raises:
            StoreUnavailable: the engine failed.
        """
        return self.version()

    async def close(self) -> None:
        """Finish what was begun, and let go of the files."""
        if self._closed:
            return
        self._closed = True
        self._drop_reader()
        await self._commits.close()

    def _cursor(self) -> apsw.Cursor:
        if self._read_cursor is None:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            engine = open_reader(self._path)
            self._reading.hold(engine)
            self._read_cursor = engine.cursor()
        return self._read_cursor

    def _drop_reader(self) -> None:
        """A new connection counts versions anew: no number may come twice."""
        self._versions_before = self._version + 1
        self._read_cursor = None
        self._reading.drop()
