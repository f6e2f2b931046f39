"""One SQLite connection through apsw, whose statements run inline and never suspend."""

from collections.abc import Sequence
from typing import Final

import apsw

from counterfoil.server.records.failures import Conflict, StoreShut, StoreUnavailable
from counterfoil.server.storage.connection import Row, WrongStatement
from counterfoil.server.storage.statements.fences import SHUT

_TAKEN_NAMES: Final = frozenset(
    {
        apsw.SQLITE_CONSTRAINT_UNIQUE,
        apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
        apsw.SQLITE_CONSTRAINT_ROWID,
    }
)
_OUR_MISTAKES: Final = (
    apsw.BindingsError,
    apsw.ConstraintError,
    apsw.MisuseError,
    apsw.ReadOnlyError,
    apsw.SQLError,
)
"""What no other try, and no healthier disk, would mend."""


class SqliteConnection:
    """Keeps the promises of ``Connection``, while a work is under way and at no other time.

    It outlives the engine's connection below it, which is replaced after a failure.
    """

    def __init__(self) -> None:
        self.now = 0
        self.at_work = False
        self._engine: apsw.Connection | None = None
        self._cursor: apsw.Cursor | None = None

    @property
    def engine(self) -> apsw.Connection | None:
        """The connection below, unless it was dropped."""
        return self._engine

    def hold(self, engine: apsw.Connection) -> None:
        """Work on this connection from now on."""
        self._engine = engine
        # Making a cursor for each statement would cost a quarter of a point read.
        self._cursor = engine.cursor()

    def drop(self) -> None:
        """Let go of the connection below; what it had not committed is gone."""
        engine, self._engine, self._cursor = self._engine, None, None
        self.at_work = False
        if engine is not None:
            engine.close(True)

    @property
    def in_transaction(self) -> bool:
        """Whether there is a transaction under way, or the engine has rolled it back by itself."""
        return self._engine is not None and self._engine.in_transaction

    @property
    def rows_changed(self) -> int:
        """How many rows were changed on the connection below, whether or not that stands.

        Whoever changes the schema in a work changes a row besides: only the fence does.
        """
        return 0 if self._engine is None else self._engine.total_changes()

    def step(self, sql: str) -> None:
        """Run a statement that begins or ends something.

        Raises:
            apsw.Error: as the engine says.
            StoreUnavailable: there is no connection.
        """
        if self._cursor is None:
            raise StoreUnavailable("the database is not open")
        self._cursor.execute(sql)

    async def one(self, sql: str, *values: object) -> Row | None:
        """Give the first row, if there is one."""
        rows = self._rows(sql, values)
        return rows[0] if rows else None

    async def all(self, sql: str, *values: object) -> list[Row]:
        """Give every row."""
        return self._rows(sql, values)

    async def run(self, sql: str, *values: object) -> int:
        """Insert, update or delete; gives the number of rows that were changed."""
        self._rows(sql, values)
        return 0 if self._engine is None else self._engine.changes()

    def _rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        if not self.at_work or self._cursor is None:
            raise RuntimeError("a transaction was used outside of its work")
        try:
            return self._cursor.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise self._judged(error) from error

    def _judged(self, error: apsw.Error) -> Exception:
        if getattr(error, "extendedresult", 0) in _TAKEN_NAMES:
            return Conflict(str(error))
        if str(error) == SHUT:
            return StoreShut(SHUT)
        if isinstance(error, _OUR_MISTAKES) and not self._lost_its_right_to_write(error):
            return WrongStatement(f"{type(error).__name__}: {error}")
        # Where the engine rolled back by itself, a further statement would commit on its own.
        if not self.in_transaction:
            self.at_work = False
        return unavailable(error)

    def _lost_its_right_to_write(self, error: apsw.Error) -> bool:
        """Whether it was opened to write, and the file does not let it."""
        may_write = (
            self._engine is not None and self._engine.open_flags & apsw.SQLITE_OPEN_READWRITE
        )
        return isinstance(error, apsw.ReadOnlyError) and bool(may_write)


def unavailable(error: BaseException) -> StoreUnavailable:
    """Say that the store cannot answer. The engine's words name no value."""
    return StoreUnavailable(f"the database failed: {type(error).__name__}: {error}")
