"""The two engines that `bench.filling` writes in directly, while no server has them open."""

import asyncio
from pathlib import Path
from typing import Final, Protocol

import asyncpg

from counterfoil.server.storage.dialect import schema_for_postgres
from counterfoil.server.storage.sqlite_file import open_writer

Value = int | str | bytes


class Engine(Protocol):
    """A database with Counterfoil's tables."""

    def run(self, script: str) -> None:
        """Run statements in one transaction."""

    def number(self, query: str) -> int:
        """Give the one number that a query finds."""

    def literal(self, value: Value) -> str:
        """Spell a value as it stands in a statement."""

    def settle(self) -> None:
        """Do what the engine would do of itself some time after so many rows were written."""

    def size(self) -> int:
        """Give the bytes that it takes, with its log where that is a file beside."""

    def close(self) -> None:
        """Let go of it."""


class SqliteEngine:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_writer(path)
        # What a crash would lose is made again.
        self._file.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000")

    def run(self, script: str) -> None:
        self._file.execute(f"BEGIN; {script}; COMMIT")

    def number(self, query: str) -> int:
        return int(self._file.execute(query).fetchall()[0][0])

    def literal(self, value: Value) -> str:
        return f"X'{value.hex()}'" if isinstance(value, bytes) else _spelled(value)

    def settle(self) -> None:
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int:
        return sum(each.stat().st_size for each in self._path.parent.glob(f"{self._path.name}*"))

    def close(self) -> None:
        self._file.close()


class PostgresEngine:
    """A database of a server that runs."""

    def __init__(self, url: str) -> None:
        self._loop: Final = asyncio.Runner()
        self._line: asyncpg.Connection = self._loop.run(asyncpg.connect(url))
        # What a crash would lose is made again.
        self._loop.run(self._line.execute("SET synchronous_commit = off"))

    def run(self, script: str) -> None:
        self._loop.run(self._line.execute(schema_for_postgres(script)))

    def number(self, query: str) -> int:
        return int(self._loop.run(self._line.fetchval(query)))

    def literal(self, value: Value) -> str:
        return f"'\\x{value.hex()}'" if isinstance(value, bytes) else _spelled(value)

    def settle(self) -> None:
        # One at a time: neither runs within a transaction.
        for each in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            self._loop.run(self._line.execute(each))

    def size(self) -> int:
        return self.number("SELECT pg_database_size(current_database())")

    def close(self) -> None:
        self._loop.run(self._line.close())
        self._loop.close()


def _spelled(value: int | str) -> str:
    return str(value) if isinstance(value, int) else "'{}'".format(value.replace("'", "''"))
