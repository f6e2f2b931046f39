"""Which servers run, and what contracts demand of them."""

from typing import Final

from counterfoil.server.records.server_process import LIVES, Demand, ServerProcess
from counterfoil.server.storage.connection import Connection

DEMANDED: Final = """
SELECT number, needs, version FROM contracts ORDER BY needs DESC, number DESC LIMIT 1
"""
ANNOUNCE: Final = """
INSERT INTO contracts (number, needs, version) VALUES (?, ?, ?) ON CONFLICT (number) DO NOTHING
"""
_STAY: Final = """
INSERT INTO server_processes (id, version, knows, place, until) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET until = excluded.until
"""
_LEAVE: Final = "DELETE FROM server_processes WHERE id = ?"
NOTED: Final = """
SELECT id, version, knows, place, until FROM server_processes ORDER BY knows, place, id
"""
_SWEEP: Final = """
DELETE FROM server_processes WHERE id IN (
    SELECT id FROM server_processes WHERE until <= ? LIMIT ?)
"""


class ServerProcessStatements:
    """Keeps the promises of ``Servers``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stay(self, process: ServerProcess) -> Demand | None:
        """Note that a process serves; gives the greatest demand that was announced."""
        until = self._connection.now + LIVES
        row = process.id, process.version, process.knows, process.place, until
        await self._connection.run(_STAY, *row)
        return await self.demanded()

    async def leave(self, process_id: str) -> None:
        """Note that it serves no more."""
        await self._connection.run(_LEAVE, process_id)

    async def every(self) -> list[ServerProcess]:
        """All that count as running, the oldest schema first."""
        noted = [ServerProcess(*row) for row in await self._connection.all(NOTED)]
        return [each for each in noted if each.until > self._connection.now]

    async def demanded(self) -> Demand | None:
        """The greatest demand that was announced."""
        row = await self._connection.one(DEMANDED)
        return Demand(*row) if row else None

    async def announce(self, demand: Demand) -> None:
        """Demand from now on; to demand the same again changes nothing."""
        await self._connection.run(ANNOUNCE, demand.number, demand.needs, demand.version)

    async def sweep(self, limit: int) -> int:
        """Remove at most so many that count as gone; says how many."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)
