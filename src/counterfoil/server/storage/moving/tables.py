"""The tables of a database as they are moved: read off the schema, so that none is forgotten."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any, Final

import apsw
from msgspec import Struct

from counterfoil.server.storage.earlier_events import take_in_earlier_events
from counterfoil.server.storage.migration import Migration, shipped
from counterfoil.server.storage.sqlite_schema import contract

OF_THE_DATABASE: Final = frozenset(
    {"migrations", "contracts", "server_processes", "registrations", "fence", "manifest"}
)
"""What speaks of the database in which it stands, and is moved nowhere."""

_NAMES: Final = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY rootpage
"""


class Table(Struct, frozen=True):
    """One table. ``numbered``: the engine draws the key of a row that brings none."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    numbered: bool

    @property
    def page(self) -> str:
        """The statement for the rows with a greater key, in order: the key's values, the limit."""
        marks = ", ".join("?" * len(self.key))
        return f"{self._rows} WHERE ({self._key}) > ({marks}) ORDER BY {self._key} LIMIT ?"

    @property
    def first_page(self) -> str:
        """The statement for the first rows in the order of the key: the limit."""
        return f"{self._rows} ORDER BY {self._key} LIMIT ?"

    @property
    def last(self) -> str:
        """The statement for the greatest key."""
        backwards = ", ".join(f"{column} DESC" for column in self.key)
        return f"SELECT {self._key} FROM {self.name} ORDER BY {backwards} LIMIT 1"  # noqa: S608 - names of our own

    @property
    def count(self) -> str:
        """The statement for the number of rows."""
        return f"SELECT count(*) FROM {self.name}"  # noqa: S608

    @property
    def add(self) -> str:
        """The statement that adds a row."""
        marks = ", ".join("?" * len(self.columns))
        columns = ", ".join(self.columns)
        return f"INSERT INTO {self.name} ({columns}) VALUES ({marks})"  # noqa: S608

    def key_of(self, row: tuple[object, ...]) -> tuple[object, ...]:
        """Give the key of a row."""
        return tuple(row[self.columns.index(column)] for column in self.key)

    @property
    def _rows(self) -> str:
        return f"SELECT {', '.join(self.columns)} FROM {self.name}"  # noqa: S608

    @property
    def _key(self) -> str:
        return ", ".join(self.key)


def shipped_tables() -> list[Table]:
    """Give the tables of this version, those that are referred to first."""
    with closing(apsw.Connection(":memory:")) as engine:
        make_schema(engine, 0)
        return tables_in(engine)


def make_schema(engine: apsw.Connection, now: int, without: Iterable[Migration] = ()) -> None:
    """Bring a SQLite database that nobody uses to the newest form. Its feed is not begun.

    ``without`` these migrations, by their numbers, which an older form lacks.
    """
    lacking = {each.number for each in without}
    contract(engine, [each for each in shipped("sqlite") if each.number not in lacking], now)
    take_in_earlier_events(engine, _no_salt)


def _no_salt(_: int) -> bytes:
    raise LookupError("a database without a feed has no events")


def tables_in(engine: apsw.Connection) -> list[Table]:
    """Give the tables of a SQLite database, those that are referred to first."""
    names = [name for (name,) in engine.execute(_NAMES) if name not in OF_THE_DATABASE]
    ordered: list[str] = []
    for name in names:
        _after_those_it_names(engine, name, ordered)
    return [_table(engine, name) for name in ordered]


def _after_those_it_names(engine: apsw.Connection, name: str, ordered: list[str]) -> None:
    if name in ordered:
        return
    for row in engine.execute(f"PRAGMA foreign_key_list({name})").fetchall():
        _after_those_it_names(engine, str(row[2]), ordered)
    ordered.append(name)


def _table(engine: apsw.Connection, name: str) -> Table:
    rows: list[Any] = engine.execute(f"PRAGMA table_info({name})").fetchall()
    key = sorted((row[5], row[1], row[2]) for row in rows if row[5])
    numbered = [kind for _, _, kind in key] == ["INTEGER"]
    columns = tuple(str(row[1]) for row in rows)
    return Table(name, columns, tuple(str(column) for _, column, _ in key), numbered)
