"""Leases: one process at a time."""

from typing import Final

from counterfoil.server.storage.connection import Connection

_TAKE: Final = """
INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE leases.holder = excluded.holder OR leases.expires_at <= ?
"""

_WAS_HELD: Final = "SELECT 1 FROM leases WHERE name = ? AND expires_at > ?"


class LeaseStatements:
    """Keeps the promises of ``Leases``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, name: str, holder: str, seconds: int) -> bool:
        """Take or keep a lease for so many seconds; ``False`` where another holds it."""
        now = self._connection.now
        return await self._connection.run(_TAKE, name, holder, now + seconds, now) == 1

    async def was_held(self, name: str, within: int) -> bool:
        """Whether anybody has held a lease within the last so many seconds."""
        since = self._connection.now - within
        return await self._connection.one(_WAS_HELD, name, since) is not None
