"""Which engine installations of the tests keep their records in: SQLite, unless told otherwise."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import asyncpg

from counterfoil.server.opening import DATABASE
from counterfoil.server.settings import Settings


class Databases(Protocol):
    def of(self, data: str) -> str:
        """The URL of the database that goes with a data directory."""


_CHOSEN: list[Databases] = []


@contextmanager
def on(databases: Databases) -> Iterator[None]:
    """Keep them in these databases while the block lasts."""
    _CHOSEN[:] = [databases]
    try:
        yield
    finally:
        _CHOSEN.clear()


def settings_of(data: Path | str) -> dict[str, str]:
    """What an installation in this directory must be told."""
    return {"database": _CHOSEN[0].of(str(data))} if _CHOSEN else {}


def environment_of(data: Path | str) -> Mapping[str, str]:
    """The same, for a process of its own."""
    return {f"COUNTERFOIL_{name.upper()}": value for name, value in settings_of(data).items()}


async def tables_of(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of an installation, as whoever steals the database reads it."""
    if settings.database is not None:
        return await _tables_of_postgres(settings.database.reveal())
    path = settings.data / DATABASE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        names = [name for (name,) in tables.fetchall()]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


async def _tables_of_postgres(url: str) -> dict[str, list[tuple[object, ...]]]:
    connection = await asyncpg.connect(url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = {name: await connection.fetch(f'SELECT * FROM "{name}"') for (name,) in tables}
    await connection.close()
    return {name: [tuple(row) for row in found] for name, found in rows.items()}


async def values_of(settings: Settings) -> set[bytes]:
    """Every value of every row, as bytes."""
    return {
        value if isinstance(value, bytes) else str(value).encode()
        for rows in (await tables_of(settings)).values()
        for row in rows
        for value in row
        if value is not None
    }
