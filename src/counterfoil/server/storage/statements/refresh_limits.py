"""The note of the limits of refreshing: one row (S26)."""

from typing import Final

import msgspec

from counterfoil.server.records.refresh_limits import NotedLimits, RefreshLimits
from counterfoil.server.storage.connection import Connection
from counterfoil.server.storage.statements.json_text import json_text

_FIND: Final = "SELECT in_force, wanted, clipped_to FROM refresh_limits WHERE one = 1"
_KEEP: Final = """
INSERT INTO refresh_limits (one, in_force, wanted, clipped_to) VALUES (1, ?, ?, ?)
ON CONFLICT (one) DO UPDATE SET
    in_force = excluded.in_force, wanted = excluded.wanted, clipped_to = excluded.clipped_to
"""
_LIMITS: Final = msgspec.json.Decoder(RefreshLimits)


class LimitNoteStatements:
    """Keeps the promises of ``LimitNotes``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self) -> NotedLimits | None:
        """Give the note; ``None`` where no server has started yet."""
        row = await self._connection.one(_FIND)
        return NotedLimits(_LIMITS.decode(row[0]), _LIMITS.decode(row[1]), row[2]) if row else None

    async def keep(self, noted: NotedLimits) -> None:
        """Keep this one from now on."""
        texts = json_text(noted.in_force), json_text(noted.wanted)
        await self._connection.run(_KEEP, *texts, noted.clipped_to)
