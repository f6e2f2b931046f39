"""Clients that are to be told of logouts: one line for each, whose turn comes by itself."""

from typing import Final

from counterfoil.server.records.logout import Line, Logout
from counterfoil.server.storage.connection import Connection

_PUT: Final = """
INSERT INTO logouts (id, client_id, sub, session_id, expires_at) VALUES (?, ?, ?, ?, ?)
"""
_OPEN_LINE: Final = """
INSERT INTO logout_lines (client_id, due_at, failures) VALUES (?, ?, 0)
ON CONFLICT (client_id) DO NOTHING
"""
_IS_DUE: Final = "SELECT 1 FROM logout_lines WHERE due_at <= ? LIMIT 1"
_TAKE_LINE: Final = """
UPDATE logout_lines SET due_at = ?
WHERE due_at <= ? AND client_id = (
    SELECT client_id FROM logout_lines WHERE due_at <= ? ORDER BY due_at, client_id LIMIT 1)
RETURNING client_id, failures
"""
_IN_LINE: Final = """
SELECT id, client_id, sub, session_id, expires_at FROM logouts
WHERE client_id = ? ORDER BY expires_at, id LIMIT ?
"""
_REMOVE: Final = "DELETE FROM logouts WHERE id = ?"
_POSTPONE: Final = "UPDATE logout_lines SET due_at = ?, failures = ? WHERE client_id = ?"
_CLOSE_LINE: Final = """
DELETE FROM logout_lines WHERE client_id = ?
    AND NOT EXISTS (SELECT 1 FROM logouts WHERE logouts.client_id = logout_lines.client_id)
"""
_SWEEP: Final = """
DELETE FROM logouts WHERE id IN (SELECT id FROM logouts WHERE expires_at <= ? LIMIT ?)
"""
_KEPT_SECONDS: Final = 3600
"""After its end, so that who tells has time to say that a client was never told."""


class LogoutStatements:
    """Keeps the promises of ``Logouts``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, logout: Logout, due_at: int) -> None:
        """Have a client told."""
        values = logout.id, logout.client_id, logout.sub, logout.session_id, logout.expires_at
        await self._connection.run(_PUT, *values)
        await self._connection.run(_OPEN_LINE, logout.client_id, due_at)

    async def is_due(self, now: int) -> bool:
        """Whether any line is to be served."""
        return await self._connection.one(_IS_DUE, now) is not None

    async def take_line(self, now: int, until: int) -> Line | None:
        """Take the line that has been due for the longest, in one statement."""
        row = await self._connection.one(_TAKE_LINE, until, now, now)
        return Line(row[0], row[1]) if row else None

    async def in_line(self, client_id: str, limit: int) -> list[Logout]:
        """The first that wait in a line."""
        return [
            Logout(
                id=row[0],
                client_id=row[1],
                sub=row[2],
                session_id=row[3],
                expires_at=row[4],
            )
            for row in await self._connection.all(_IN_LINE, client_id, limit)
        ]

    async def remove(self, logout_id: str) -> None:
        """Forget one."""
        await self._connection.run(_REMOVE, logout_id)

    async def postpone(self, line: Line, due_at: int) -> None:
        """Have a line served again at that time, after so many failures."""
        await self._connection.run(_POSTPONE, due_at, line.failures, line.client_id)

    async def leave(self, client_id: str, due_at: int) -> None:
        """Let go of a line that was served."""
        await self._connection.run(_CLOSE_LINE, client_id)
        await self._connection.run(_POSTPONE, due_at, 0, client_id)

    async def sweep(self, limit: int) -> int:
        """Remove those that nobody came to tell; their lines close when they are served."""
        return await self._connection.run(_SWEEP, self._connection.now - _KEPT_SECONDS, limit)
