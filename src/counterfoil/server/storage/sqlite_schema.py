"""The schema of an SQLite file: what is applied, and how more is, each step in one transaction."""

from typing import Final

import apsw

from counterfoil.server.storage.migration import (
    APPLIED,
    MIGRATIONS,
    NOTE,
    Ledger,
    Migration,
    ledger_of,
)
from counterfoil.server.storage.sqlite_rebuilding import rebuild
from counterfoil.server.storage.statements.server_processes import ANNOUNCE, DEMANDED, NOTED

_IS_THERE: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"


def migrate(engine: apsw.Connection, migrations: list[Migration], now: int) -> None:
    """Apply what is missing and only adds. Safe when several processes do it at once.

    In a new file all of it is made at once, or nothing: who starts waits for the disk once.

    Raises:
        UnknownDatabase: it demands a newer version, or its past is another one.
        apsw.Error: the engine failed; what was applied before stands.
    """
    ledger = read_ledger(engine)
    due = ledger.due(migrations)
    steps = [[each] for each in due] if ledger.applied else [due]
    _bring(engine, migrations, steps, now)


def contract(engine: apsw.Connection, migrations: list[Migration], now: int) -> None:
    """Apply all that is missing, contracts too. Nobody may serve who does not meet them.

    Raises:
        UnknownDatabase: it demands a newer version, or its past is another one.
        apsw.Error: the engine failed; what was applied before stands.
    """
    missing = read_ledger(engine).missing(migrations)
    _bring(engine, migrations, [[each] for each in missing], now)


def read_ledger(engine: apsw.Connection) -> Ledger:
    """Read what a file says of itself."""
    if not _is_there(engine, "migrations"):
        return Ledger()
    if not _is_there(engine, "contracts"):
        return ledger_of(engine.execute(APPLIED), (), ())
    return ledger_of(*(engine.execute(sql).fetchall() for sql in (APPLIED, DEMANDED, NOTED)))


def _bring(
    engine: apsw.Connection, migrations: list[Migration], steps: list[list[Migration]], now: int
) -> None:
    for step in steps:
        with_write_lock = engine.cursor()
        with_write_lock.execute("BEGIN IMMEDIATE")
        try:
            _apply(engine, migrations, step, now)
            with_write_lock.execute("COMMIT")
        except BaseException:
            if engine.in_transaction:
                with_write_lock.execute("ROLLBACK")
            raise


def _apply(
    engine: apsw.Connection, migrations: list[Migration], step: list[Migration], now: int
) -> None:
    engine.execute(MIGRATIONS)
    missing = read_ledger(engine).missing(migrations)  # another process may have been quicker
    for migration in step:
        if migration not in missing:
            continue
        engine.execute(migration.sql).fetchall()  # it stops where one answers till fetched
        for each in migration.rebuilt:
            rebuild(engine, each)
        engine.execute(NOTE, (migration.number, migration.name, migration.checksum, now))
        if migration.demand is not None:
            demand = migration.demand
            engine.execute(ANNOUNCE, (demand.number, demand.needs, demand.version))


def _is_there(engine: apsw.Connection, table: str) -> bool:
    return bool(engine.execute(_IS_THERE, (table,)).fetchall())
