"""Which engine installations of the tests keep their records in: SQLite, unless told otherwise."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from counterfoil.server.opening import DATABASE
from counterfoil.server.settings import Settings


class Databases(Protocol):
    def of(self, data: str) -> str:
        """The URL of the database that goes with a data directory."""


_CHOSEN: list[Databases] = []


def use(databases: Databases) -> None:
    """Keep them in these databases from now on."""
    _CHOSEN[:] = [databases]


def settings_of(data: Path | str) -> dict[str, str]:
    """What an installation in this directory must be told."""
    return {"database": _CHOSEN[0].of(str(data))} if _CHOSEN else {}


def environment_of(data: Path | str) -> Mapping[str, str]:
    """The same, for a process of its own."""
    return {f"COUNTERFOIL_{name.upper()}": value for name, value in settings_of(data).items()}


def demand_file(settings: Settings) -> None:
    """Leave out a test that looks into, or spoils, the file in which SQLite keeps everything."""
    if settings.database is not None:
        pytest.skip("about the file of SQLite")


async def rows_in(settings: Settings) -> dict[str, int]:
    """How many rows each table of an installation has."""
    if settings.database is not None:
        return await _rows_in_postgres(settings.database.reveal())
    path = settings.data / DATABASE
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in tables.fetchall()
        }


async def _rows_in_postgres(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    counts = {
        name: await connection.fetchval(f'SELECT count(*) FROM "{name}"') for (name,) in tables
    }
    await connection.close()
    return counts
