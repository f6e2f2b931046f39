"""One of the two databases of a move: its rows in pieces, its fence, and works that run alone."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from counterfoil.server.records.fence import Fence
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.migration import Migration
from counterfoil.server.storage.moving.tables import Table
from counterfoil.server.storage.statements.fences import FIND, fence_from
from counterfoil.server.storage.transaction import BoundTransaction

T = TypeVar("T")

PIECE: Final = 2000
"""Rows that are read, and written, at once: so much is in memory."""

_SEALED: Final = "SELECT value FROM sealed WHERE name = ?"
_FEED: Final = "SELECT epoch, number FROM feed"


class MoveRefused(Exception):
    """What was asked cannot be done with this database. The text says which, and why."""


class End(ABC):
    """A database that is moved from or to. ``name`` is for people, and holds no password."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    @abstractmethod
    async def missing(self) -> list[Migration]:
        """Give the migrations of this version that were not applied.

        Raises:
            MoveRefused: there are no tables, or a newer version has added something.
        """

    @abstractmethod
    async def make_schema(self, now: int) -> None:
        """Make the tables where nothing is; demand the newest form where something is.

        Raises:
            MoveRefused: that cannot be done there.
        """

    @abstractmethod
    async def alone(self, work: Callable[[BoundTransaction], Awaitable[T]], now: int) -> T:
        """Run a work while nobody else writes, and commit; a fence is no hindrance."""

    @abstractmethod
    async def begin_view(self) -> None:
        """From now on read what is committed at this moment, in which nothing waits."""

    @abstractmethod
    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows, all or none.

        Raises:
            MoveRefused: one of them is there already.
        """

    @abstractmethod
    def fitted(self, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        """Give rows as this engine can hold them.

        Raises:
            MoveRefused: one of them it cannot hold unchanged, and it must not be changed.
        """

    @abstractmethod
    async def finish(self, tables: Sequence[Table]) -> None:
        """Make ready for use what was filled row by row.

        Raises:
            MoveRefused: rows name others that are not there.
        """

    @abstractmethod
    async def wipe(self, tables: Sequence[Table]) -> None:
        """Remove every row, of what nobody has used."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the database."""

    async def demand_newest_schema(self) -> None:
        """Demand that the tables are there, in the form of this version.

        Raises:
            MoveRefused: they are not.
        """
        missing = await self.missing()
        if missing:
            raise MoveRefused(older(self.name, missing[0]))

    async def contracts_left(self) -> list[Migration]:
        """Give the contracts that wait until no older server runs, where all else was applied.

        Raises:
            MoveRefused: it was not.
        """
        missing = await self.missing()
        for each in missing:
            if each.demand is None:
                raise MoveRefused(older(self.name, each))
        return missing

    async def fence(self) -> Fence | None:
        """Give the fence that stands."""
        row = await self._connection.one(FIND)
        return fence_from(row) if row else None

    async def put_fence(self, fence: Fence) -> None:
        """Put a fence in place of the one that stands."""

        async def work(tx: BoundTransaction) -> None:
            await tx.fence.put(fence)

        await self.alone(work, fence.since)

    async def page(self, table: Table, after: Row | None) -> list[Row]:
        """Give the next rows in the order of their keys; the first where ``after`` is none."""
        if after is None:
            return await self._connection.all(table.first_page, PIECE)
        return await self._connection.all(table.page, *after, PIECE)

    async def last(self, table: Table) -> Row | None:
        """Give the greatest key."""
        return await self._connection.one(table.last)

    async def count(self, table: Table) -> int:
        """Count the rows."""
        row = await self._connection.one(table.count)
        return row[0] if row else 0

    async def is_empty(self, tables: Sequence[Table]) -> bool:
        """Whether there is no row in any of them."""
        for table in tables:
            if await self.last(table) is not None:
                return False
        return True

    async def feed(self) -> tuple[str, int] | None:
        """Give the epoch and the number of the feed; ``None`` where it was never begun."""
        row = await self._connection.one(_FEED)
        return (row[0], row[1]) if row else None

    async def sealed(self, name: str) -> bytes:
        """Give a sealed value.

        Raises:
            MoveRefused: it is not there: nobody has opened the installation yet.
        """
        row = await self._connection.one(_SEALED, name)
        if row is None:
            raise MoveRefused(f"{self.name} holds no installation")
        value: bytes = row[0]
        return value


def older(name: str, missing: Migration) -> str:
    """Say that a database is not in the form of this version."""
    todo = (
        "use `counterfoil database migrate`; one that is shut, with the version that shut it"
        if missing.demand is None
        else "use `counterfoil database migrate --contract` when no older server runs"
    )
    return f"{name} is not in the form of this version (it lacks {missing.name}): {todo}"
