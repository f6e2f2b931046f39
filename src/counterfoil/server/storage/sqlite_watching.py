"""The SQLite connection that writes: it says when what was read from some tables may have changed.

Others change them between two of its transactions, its own statements within one; and what is
rolled back was never so. A statement is judged by its text: whichever names such a table and does
not only read is taken for a change.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import apsw

from counterfoil.server.storage.connection import Row
from counterfoil.server.storage.sqlite_connection import SqliteConnection

VERSION: Final = "PRAGMA data_version"
"""It changes when another connection has committed anything."""
REGISTRATIONS: Final = "SELECT version FROM registrations"
"""It changes when anyone has committed a change of what is remembered."""
_ONLY_READS: Final = re.compile(r"\s*(SELECT|SAVEPOINT|RELEASE)\b")
_BEGINS: Final = "BEGIN"
_UNDOES: Final = "ROLLBACK"


class WatchingConnection(SqliteConnection):
    """Calls ``changed`` before anyone can read what another has made of one of the ``tables``."""

    def __init__(self, tables: Iterable[str]) -> None:
        super().__init__()
        self.changed: Callable[[], None] = lambda: None
        self._names = re.compile(rf"\b({'|'.join(map(re.escape, tables))})\b")
        self._changes: dict[str, bool] = {}
        self._version: int | None = None
        self._registrations: int | None = None

    def hold(self, engine: apsw.Connection) -> None:
        """Work on this connection from now on. It counts versions anew."""
        super().hold(engine)
        self._version = self._registrations = None

    def step(self, sql: str) -> None:
        """Run a statement that begins or ends something.

        Raises:
            apsw.Error: as the engine says.
            StoreUnavailable: there is no connection.
        """
        super().step(sql)
        if sql.startswith(_UNDOES):
            self.changed()
        elif sql.startswith(_BEGINS):
            self._see_others()

    def _see_others(self) -> None:
        """Nobody else commits from now on to the end of the transaction."""
        engine = self.engine
        version = None if engine is None else engine.execute(VERSION).get
        if engine is None or version == self._version:
            return
        registrations = engine.execute(REGISTRATIONS).get
        if registrations != self._registrations:
            self._registrations = registrations
            self.changed()
        self._version = version  # only now: had the look failed, it must be made again

    def _rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        changes = self._changes.get(sql)
        if changes is None:
            changes = self._changes[sql] = self._may_change(sql)
        if not changes:
            return super()._rows(sql, values)
        try:
            return super()._rows(sql, values)
        finally:
            self.changed()

    def _may_change(self, sql: str) -> bool:
        if _ONLY_READS.match(sql):
            return False
        return sql.lstrip().startswith(_UNDOES) or self._names.search(sql) is not None
