"""The fence on SQLite: one row, and while it shuts, triggers through which nobody writes."""

from collections.abc import Callable
from typing import Final

from counterfoil.server.records.failures import StoreShut
from counterfoil.server.records.fence import Fence, FenceState
from counterfoil.server.storage.connection import Connection, Row

FIND: Final = "SELECT state, move, other, since FROM fence"
SHUT: Final = "this database is shut: its table fence says why"
"""What the engine says to whoever writes, of whatever version."""

_FORGET: Final = "DELETE FROM fence"
_PUT: Final = "INSERT INTO fence (one, state, move, other, since) VALUES (1, ?, ?, ?, ?)"
_TABLES: Final = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name <> 'fence' ORDER BY name
"""
_STANDING: Final = """
SELECT name FROM sqlite_schema
WHERE type = 'trigger' AND name LIKE 'shut~_%' ESCAPE '~' ORDER BY name
"""


class FenceStatements:
    """Reads and moves the fence. Statements are SQLite's; another engine has its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self) -> Fence | None:
        """Give the fence; ``None`` where the database was never moved."""
        row = await self._connection.one(FIND)
        return fence_from(row) if row else None

    async def put(self, fence: Fence) -> None:
        """Put it in place of the one that stands. Who writes hereafter fails if it says *left*."""
        await self._connection.run(_FORGET)
        values = fence.state.value, fence.move, fence.other, fence.since
        await self._connection.run(_PUT, *values)
        if not fence.refuses_writes:
            await self._open()
        elif not await self._standing():
            await self._shut()

    async def remove(self) -> None:
        """Take it away: the database may be used."""
        await self._open()
        await self._connection.run(_FORGET)

    async def _shut(self) -> None:
        for (table,) in await self._connection.all(_TABLES):
            for verb in ("INSERT", "UPDATE", "DELETE"):
                await self._connection.run(
                    f"CREATE TRIGGER shut_{table}_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{SHUT}'); END"
                )

    async def _standing(self) -> list[Row]:
        return await self._connection.all(_STANDING)

    async def _open(self) -> None:
        for (trigger,) in await self._standing():
            await self._connection.run(f"DROP TRIGGER {trigger}")


def fence_from(row: Row) -> Fence:
    """Read the row."""
    return Fence(FenceState(row[0]), row[1], row[2], row[3])


def demand_open(row: Row | None) -> None:
    """Demand that servers may use the database; ``row`` is that of the fence, if there is one.

    Raises:
        StoreShut: they may not.
    """
    fence = fence_from(row) if row is not None and row[0] is not None else None
    if fence is not None and fence.is_shut:
        raise StoreShut(fence.sentence)


def demand_usable(row: Row | None) -> None:
    """Demand that administrators may use it: one that waits for them, too.

    Raises:
        StoreShut: they may not.
    """
    if row is not None and row[0] != FenceState.HELD.value:
        demand_open(row)


Demand = Callable[[Row | None], None]
"""One of the two."""
