"""Brings a database to the newest form: numbered SQL files, each in one transaction."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

import apsw
from msgspec import Struct

MIGRATIONS: Final = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;
"""
APPLIED: Final = "SELECT number, name, checksum FROM migrations"
NOTE: Final = "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)"
_IS_NEW: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'"


class UnknownDatabase(Exception):
    """The database was made by a newer version, or its migrations are not the ones shipped."""


class UnsupportedPostgres(Exception):
    """The server cannot keep the records: too old, not in UTF-8, or its tables not ours."""


class Migration(Struct, frozen=True):
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped(beside: str = "") -> list[Migration]:
    """Read the migrations of this version, in order.

    ``beside`` names the folder of an engine: what stands in it stands there in place of the file
    of the same name, or is for that engine alone.
    """
    folder = files("counterfoil.server.storage") / "migrations"
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(".sql")}
    if beside:
        found |= {file.name: file for file in (folder / beside).iterdir()}
    return [
        Migration(int(name[:4]), name, found[name].read_text(encoding="utf-8"))
        for name in sorted(found)
    ]


def migrate(engine: apsw.Connection, migrations: list[Migration], now: int) -> None:
    """Apply what is missing. Safe when several processes do it at once.

    Raises:
        UnknownDatabase: it is newer than this version, or its past is another one.
        apsw.Error: the engine failed; what was applied before stands.
    """
    if not _missing(engine, migrations):
        return
    for migration in migrations:
        with_write_lock = engine.cursor()
        with_write_lock.execute("BEGIN IMMEDIATE")
        try:
            _apply(engine, migrations, migration, now)
            with_write_lock.execute("COMMIT")
        except BaseException:
            if engine.in_transaction:
                with_write_lock.execute("ROLLBACK")
            raise


def _apply(
    engine: apsw.Connection, migrations: list[Migration], migration: Migration, now: int
) -> None:
    engine.execute(MIGRATIONS)
    if migration not in _missing(engine, migrations):
        return
    engine.execute(migration.sql)
    engine.execute(NOTE, (migration.number, migration.name, migration.checksum, now))


def _missing(engine: apsw.Connection, migrations: list[Migration]) -> list[Migration]:
    if not engine.execute(_IS_NEW).fetchall():
        return migrations
    applied: Iterable[tuple[int, str, str]] = engine.execute(APPLIED)
    return still_missing(applied, migrations)


def still_missing(
    applied: Iterable[tuple[int, str, str]], migrations: list[Migration]
) -> list[Migration]:
    """Give those that are not among the applied: number, name and checksum of each.

    Raises:
        UnknownDatabase: the database is newer than this version, or its past is another one.
    """
    known = {migration.number: migration for migration in migrations}
    there = {number: (name, checksum) for number, name, checksum in applied}
    for number, (name, checksum) in there.items():
        if number not in known:
            raise UnknownDatabase(
                f"the database was made by a newer version of Counterfoil (migration {name})"
            )
        if checksum != known[number].checksum:
            raise UnknownDatabase(f"the migration {name} in the database is not the one shipped")
    return [migration for migration in migrations if migration.number not in there]
