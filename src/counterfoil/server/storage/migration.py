"""The numbered SQL files that make the schema, and what a database says of them.

A file adds, so that older servers go on beside newer ones (*expand*); or it says in its head that
it takes away what older ones use, and which may serve after it (*contract*).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from msgspec import Struct

from counterfoil.server.records.server_process import Demand, ServerProcess

MIGRATIONS: Final = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;
"""
APPLIED: Final = "SELECT number, name, checksum, applied_at FROM migrations ORDER BY number"
NOTE: Final = "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)"
OF_ONE_ENGINE: Final = 1000
"""Files with greater numbers are for one engine alone; servers are told apart by the others."""

_CONTRACT: Final = re.compile(
    r"^-- contract: servers that know (\d{4}), of version (\S+) or newer, may serve after this\.$",
    re.MULTILINE,
)
_REBUILT: Final = re.compile(r"^-- rebuilt: (.+)\.$", re.MULTILINE)


class UnknownDatabase(Exception):
    """The database demands a newer version, or its migrations are not the ones shipped."""


class UnsupportedPostgres(Exception):
    """The server cannot keep the records: too old, not in UTF-8, or its tables not ours."""


class Rebuilt(Struct, frozen=True):
    """A table that is made anew, its rows in the order of a column."""

    table: str
    by: str


class Migration(Struct, frozen=True):
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def is_without_statements(self) -> bool:
        """Whether it only says why there are none: PostgreSQL's driver takes that for a mistake."""
        return all(not line or line.startswith("--") for line in self.sql.splitlines())

    @property
    def rebuilt(self) -> tuple[Rebuilt, ...]:
        """Which tables are made anew, as its head says: with whatever columns they have by then."""
        said = _REBUILT.search(self.sql)
        return tuple(Rebuilt(*each.split(" by ")) for each in said[1].split(", ")) if said else ()

    @property
    def demand(self) -> Demand | None:
        """What a contract demands of whoever serves after it; ``None`` for one that only adds."""
        said = _CONTRACT.search(self.sql)
        return Demand(self.number, int(said[1]), said[2]) if said else None


class Applied(Struct, frozen=True):
    """What a database notes of a migration; ``applied_at`` in seconds since the epoch."""

    number: int
    name: str
    checksum: str
    applied_at: int


class Ledger(Struct, frozen=True):
    """What a database says of itself; all is empty where nothing is.

    ``demand`` is the greatest of all contracts that were ever announced there; ``processes`` were
    noted as serving, though they may have gone since.
    """

    applied: tuple[Applied, ...] = ()
    demand: Demand | None = None
    processes: tuple[ServerProcess, ...] = ()

    def missing(self, migrations: list[Migration]) -> list[Migration]:
        """Give those that are not applied.

        What a newer version has added is no hindrance: whoever does not know it does not use it.

        Raises:
            UnknownDatabase: a newer version is demanded, or the past is another one.
        """
        self._demand_version(newest(migrations))
        known = {migration.number: migration for migration in migrations}
        for each in self.applied:
            if each.number in known and known[each.number].checksum != each.checksum:
                raise UnknownDatabase(
                    f"the migration {each.name} in the database is not the one shipped"
                )
        there = {each.number for each in self.applied}
        return [migration for migration in migrations if migration.number not in there]

    def demand_known(self, migrations: list[Migration]) -> None:
        """Demand that all that was applied is known: whoever copies must leave nothing out.

        Raises:
            UnknownDatabase: a newer version has added something, or as ``missing``.
        """
        self.missing(migrations)
        known = {migration.number for migration in migrations}
        for each in self.applied:
            if each.number not in known:
                raise UnknownDatabase(f"a newer version of Counterfoil has added {each.name} to it")

    def due(self, migrations: list[Migration]) -> list[Migration]:
        """Give the missing ones that may be applied while others serve.

        Contracts wait until they are asked for; where nothing is yet, there is nobody to wait for.

        Raises:
            UnknownDatabase: as ``missing``.
        """
        missing = self.missing(migrations)
        return [each for each in missing if not self.applied or each.demand is None]

    def _demand_version(self, knows: int) -> None:
        if self.demand is not None and self.demand.needs > knows:
            raise UnknownDatabase(self.demand.sentence(knows))


def ledger_of(
    applied: Iterable[Sequence[Any]],
    demands: Iterable[Sequence[Any]],
    processes: Iterable[Sequence[Any]],
) -> Ledger:
    """Read the rows of a database: its migrations, at most one demand, and who was noted."""
    return Ledger(
        tuple(Applied(*row) for row in applied),
        next((Demand(*row) for row in demands), None),
        tuple(ServerProcess(*row) for row in processes),
    )


def newest(migrations: Iterable[Migration]) -> int:
    """Give the greatest number that is for every engine; 0 where there is none."""
    numbers = (each.number for each in migrations if each.number < OF_ONE_ENGINE)
    return max(numbers, default=0)


def shipped(beside: str = "") -> list[Migration]:
    """Read the migrations of this version, in order.

    ``beside`` names the folder of an engine: what stands in it stands there in place of the file
    of the same name, or is for that engine alone.
    """
    folder = files("counterfoil.server.storage") / "migrations"
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(".sql")}
    if beside:
        found |= {file.name: file for file in (folder / beside).iterdir()}
    return from_texts({name: file.read_text(encoding="utf-8") for name, file in found.items()})


def from_texts(texts: Mapping[str, str]) -> list[Migration]:
    """Take texts, by the names of their files, for migrations, in order."""
    return [Migration(int(name[:4]), name, texts[name]) for name in sorted(texts)]
