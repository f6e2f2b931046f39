"""Databases to move: every table filled, with values that engines might take for others."""

from contextlib import closing
from typing import Any

import apsw

from counterfoil.server.storage.moving.ends import End
from counterfoil.server.storage.moving.sums import Progress
from counterfoil.server.storage.moving.tables import Table, make_schema, shipped_tables
from counterfoil.server.storage.transaction import BoundTransaction
from tests.storage.samples import NOW

ODD = "“Ünïcode” ☂ \U0001f98a\n\t'; DROP TABLE users; --"
NAMED = {"user_id": "id-0", "grant_id": "id-0", "client_id": "client_id-0"}
"""Rows that others name."""


def said_nothing(_: Progress) -> None:
    """Who is told how far it is, and does not care."""


def types() -> dict[tuple[str, str], tuple[str, bool]]:
    """The type of each column, and whether it may be empty."""
    with closing(apsw.Connection(":memory:")) as engine:
        make_schema(engine, NOW)
        return {
            (table.name, row[1]): (row[2], not row[3] and not row[5])
            for table in shipped_tables()
            for row in engine.execute(f"PRAGMA table_info({table.name})").fetchall()
        }


def row_of(table: Table, number: int, kinds: dict[tuple[str, str], tuple[str, bool]]) -> list[Any]:
    """A row that no engine refuses: keys and unique values hold the number."""
    row: list[Any] = []
    for column in table.columns:
        kind, may_be_empty = kinds[table.name, column]
        if column in NAMED and table.key != (column,):
            row.append(NAMED[column])
        elif may_be_empty and number % 3 == 1 and column not in ("ended_at", "token"):
            row.append(None)
        elif column == "one":
            row.append(1)
        elif kind == "INTEGER":
            row.append(number - 2**62 if number % 5 == 4 else number + 2**41)
        elif kind == "BLOB":
            row.append(bytes([0, 255, number % 256]) + number.to_bytes(4))
        else:
            row.append(f"{column}-{number}" + (ODD if number % 2 else ""))
    return row


async def fill_every_table(end: End, rows: int = 30) -> None:
    """Give every table so many rows, and those that have one row, one."""
    kinds = types()

    async def work(tx: BoundTransaction) -> None:
        for table in shipped_tables():
            if table.name == "feed":
                continue
            for number in range(1 if "one" in table.key else rows):
                await tx._connection.run(table.add, *row_of(table, number, kinds))

    await end.alone(work, NOW)


async def all_rows(end: End) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, by other statements than those that moved them."""
    return {
        table.name: sorted(
            await end._connection.all(f"SELECT {', '.join(table.columns)} FROM {table.name}"),
            key=repr,
        )
        for table in shipped_tables()
    }
