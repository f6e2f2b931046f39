"""A SQLite file as one end of a move."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import apsw

from counterfoil.server.storage.connection import Row
from counterfoil.server.storage.migration import Migration, UnknownDatabase, shipped
from counterfoil.server.storage.moving import tables as schema
from counterfoil.server.storage.moving.ends import End, MoveRefused
from counterfoil.server.storage.moving.tables import Table
from counterfoil.server.storage.sqlite_connection import SqliteConnection, unavailable
from counterfoil.server.storage.sqlite_file import create, demand_sqlite, open_reader, open_writer
from counterfoil.server.storage.sqlite_schema import read_ledger
from counterfoil.server.storage.transaction import BoundTransaction

T = TypeVar("T")

_BUSY_SECONDS: Final = 30
_HAS_TABLES: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'"
_LOADING: Final = "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -8192"


class SqliteEnd(End):
    """One file. Its statements run inline: nobody else is served meanwhile."""

    def __init__(self, engine: apsw.Connection, path: Path, random: Callable[[int], bytes]) -> None:
        self._engine = engine
        self._sqlite = SqliteConnection()
        self._sqlite.hold(engine)
        self._sqlite.at_work = True
        self._transaction = BoundTransaction(self._sqlite, random)
        self.path = path
        super().__init__(self._sqlite, str(path))

    @classmethod
    def open(cls, path: Path, random: Callable[[int], bytes], *, to_read: bool) -> "SqliteEnd":
        """Open a file that is there; ``to_read``: nothing is ever written.

        Raises:
            UnsupportedSqlite: the library is too old.
            StoreUnavailable: it cannot be opened, or is no database.
        """
        demand_sqlite(apsw.sqlite_lib_version())
        try:
            engine = open_reader(path) if to_read else open_writer(path)
            engine.set_busy_timeout(_BUSY_SECONDS * 1000)
            engine.execute(_HAS_TABLES)
        except apsw.Error as error:
            raise unavailable(error) from error
        return cls(engine, path, random)

    @classmethod
    def make(cls, path: Path, random: Callable[[int], bytes]) -> "SqliteEnd":
        """Open a file to be filled; it is made, with mode 0600, where there is none.

        Raises:
            OSError, StoreUnavailable: it cannot be made or opened.
        """
        create(path)
        end = cls.open(path, random, to_read=False)
        end._engine.execute(_LOADING)
        return end

    @property
    def engine(self) -> apsw.Connection:
        """The connection below."""
        return self._engine

    async def missing(self) -> list[Migration]:
        """Give the migrations of this version that were not applied."""
        if not self._engine.execute(_HAS_TABLES).fetchall():
            raise MoveRefused(f"{self.name} holds no installation")
        try:
            ledger, migrations = read_ledger(self._engine), shipped("sqlite")
            ledger.demand_known(migrations)
        except UnknownDatabase as error:
            raise MoveRefused(f"{self.name}: {error}") from None
        return ledger.missing(migrations)

    async def make_schema(self, now: int, without: Sequence[Migration] = ()) -> None:
        """Make the tables where nothing is; demand the newest form where something is.

        ``without`` these migrations, which an older form lacks.
        """
        names = self._engine.execute("SELECT name FROM sqlite_schema LIMIT 1").fetchall()
        if names:
            return await self.demand_newest_schema()
        try:
            schema.make_schema(self._engine, now, without)
        except apsw.Error as error:
            raise unavailable(error) from error

    async def alone(self, work: Callable[[BoundTransaction], Awaitable[T]], now: int) -> T:
        """Run a work while nobody else writes, and commit; a fence is no hindrance."""
        try:
            self._sqlite.step("BEGIN IMMEDIATE")
            self._sqlite.now = now
            value = await work(self._transaction)
            self._sqlite.step("COMMIT")
        except BaseException as error:
            if self._sqlite.in_transaction:
                with suppress(apsw.Error):
                    self._sqlite.step("ROLLBACK")
            if isinstance(error, apsw.Error):
                raise unavailable(error) from error
            raise
        return value

    async def begin_view(self) -> None:
        """From now on read what is committed at this moment."""
        self._sqlite.step("BEGIN")
        await self.feed()

    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows, all or none."""
        try:
            with self._engine:
                self._engine.executemany(table.add, rows)
        except apsw.ConstraintError as error:
            raise MoveRefused(f"{self.name}: somebody else writes into {table.name}") from error
        except apsw.Error as error:
            raise unavailable(error) from error

    def fitted(self, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        """Give rows as they are: this engine holds whatever the other does."""
        return rows

    async def finish(self, tables: Sequence[Table]) -> None:
        """Demand that every row that is named is there."""
        missing = self._engine.execute("PRAGMA foreign_key_check").fetchall()
        if missing:
            raise MoveRefused(f"{self.name}: a row of {missing[0][0]} names one that is not there")

    async def wipe(self, tables: Sequence[Table]) -> None:
        """Files are made anew instead."""
        raise MoveRefused(f"{self.name} is not empty")

    def upgrade(self, now: int) -> None:
        """Bring a file that nobody uses to the form of this version.

        Raises:
            UnknownDatabase: it is newer: of what was added nobody here knows what must end.
            StoreUnavailable: it cannot be written.
        """
        try:
            read_ledger(self._engine).demand_known(shipped("sqlite"))
            schema.make_schema(self._engine, now)
        except apsw.Error as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        """Let go of the file."""
        self._sqlite.drop()
