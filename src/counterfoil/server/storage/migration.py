"""Brings a database to the newest form: numbered SQL files, each in one transaction."""

import hashlib
from importlib.resources import files
from typing import Final

import apsw
from msgspec import Struct

_APPLIED: Final = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT
"""
_IS_NEW: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'"


class UnknownDatabase(Exception):
    """The database was made by a newer version, or its migrations are not the ones shipped."""


class Migration(Struct, frozen=True):
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Read the migrations of this version, in order."""
    folder = files("counterfoil.server.storage") / "migrations"
    found = [
        Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.number)


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
    engine.execute(_APPLIED)
    if migration not in _missing(engine, migrations):
        return
    engine.execute(migration.sql)
    engine.execute(
        "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
        (migration.number, migration.name, migration.checksum, now),
    )


def _missing(engine: apsw.Connection, migrations: list[Migration]) -> list[Migration]:
    if not engine.execute(_IS_NEW).fetchall():
        return migrations
    applied: dict[int, tuple[str, str]] = {
        number: (name, checksum)
        for number, name, checksum in engine.execute(
            "SELECT number, name, checksum FROM migrations"
        )
    }
    known = {migration.number: migration for migration in migrations}
    for number, (name, checksum) in applied.items():
        if number not in known:
            raise UnknownDatabase(
                f"the database was made by a newer version of Counterfoil (migration {name})"
            )
        if checksum != known[number].checksum:
            raise UnknownDatabase(f"the migration {name} in the database is not the one shipped")
    return [migration for migration in migrations if migration.number not in applied]
