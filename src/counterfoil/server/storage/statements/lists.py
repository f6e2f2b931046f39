"""The names of rows in parts, newest first, each found by an index."""

from typing import Final

from counterfoil.server.records.listing import Part
from counterfoil.server.storage.connection import Connection

_USERS: Final = """
SELECT id FROM users WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?
"""
_CLIENTS: Final = """
SELECT client_id FROM clients WHERE (created_at, client_id) < (?, ?)
ORDER BY created_at DESC, client_id DESC LIMIT ?
"""
_SESSIONS: Final = """
SELECT id FROM sessions WHERE ended_at IS NULL AND (auth_time, id) < (?, ?)
ORDER BY auth_time DESC, id DESC LIMIT ?
"""
_SESSIONS_OF_USER: Final = """
SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL AND (auth_time, id) < (?, ?)
ORDER BY auth_time DESC, id DESC LIMIT ?
"""
_GRANTS: Final = """
SELECT id FROM grants WHERE ended_at IS NULL AND (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC LIMIT ?
"""
_GRANTS_OF_USER: Final = """
SELECT id FROM grants WHERE user_id = ? AND ended_at IS NULL AND (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC LIMIT ?
"""
_GRANTS_OF_CLIENT: Final = """
SELECT id FROM grants WHERE client_id = ? AND ended_at IS NULL AND (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC LIMIT ?
"""
_FAMILIES: Final = """
SELECT id FROM families WHERE ended_at IS NULL AND (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC LIMIT ?
"""
_FAMILIES_OF_GRANT: Final = """
SELECT id FROM families WHERE grant_id = ? AND ended_at IS NULL AND (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC LIMIT ?
"""
_FAMILIES_OF_SESSION: Final = """
SELECT id FROM families WHERE session_id = ? AND ended_at IS NULL AND (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC LIMIT ?
"""


class ListStatements:
    """Keeps the promises of ``Lists``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def users(self, part: Part) -> list[str]:
        """Ids of people."""
        return await self._names(_USERS, part)

    async def clients(self, part: Part) -> list[str]:
        """Ids of clients."""
        return await self._names(_CLIENTS, part)

    async def sessions(self, part: Part, user_id: str | None = None) -> list[str]:
        """Ids of those that have not been ended, of one person where they are named."""
        if user_id is not None:
            return await self._names(_SESSIONS_OF_USER, part, user_id)
        return await self._names(_SESSIONS, part)

    async def grants(
        self, part: Part, *, user_id: str | None = None, client_id: str | None = None
    ) -> list[str]:
        """Ids of live ones, of one person or client; the person counts where both are named."""
        if user_id is not None:
            return await self._names(_GRANTS_OF_USER, part, user_id)
        if client_id is not None:
            return await self._names(_GRANTS_OF_CLIENT, part, client_id)
        return await self._names(_GRANTS, part)

    async def families(
        self, part: Part, *, grant_id: str | None = None, session_id: str | None = None
    ) -> list[str]:
        """Ids of those not ended, of one grant or session; expired ones until they are swept."""
        if grant_id is not None:
            return await self._names(_FAMILIES_OF_GRANT, part, grant_id)
        if session_id is not None:
            return await self._names(_FAMILIES_OF_SESSION, part, session_id)
        return await self._names(_FAMILIES, part)

    async def _names(self, sql: str, part: Part, *of: str) -> list[str]:
        rows = await self._connection.all(sql, *of, part.at, part.id, part.limit)
        return [row[0] for row in rows]
