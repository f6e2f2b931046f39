"""What is known of how people sign in."""

from typing import Final

from counterfoil.server.records.habits import KEPT, NO_HABITS, Habits
from counterfoil.server.storage.connection import Connection
from counterfoil.server.storage.statements.json_text import habits_from, json_text

_FIND: Final = "SELECT known FROM habits WHERE user_id = ?"
_KEEP: Final = """
INSERT INTO habits (user_id, known, last_at) VALUES (?, ?, ?)
ON CONFLICT (user_id) DO UPDATE SET known = excluded.known, last_at = excluded.last_at
"""
_SWEEP: Final = """
DELETE FROM habits WHERE user_id IN (
    SELECT user_id FROM habits WHERE last_at <= ? ORDER BY last_at LIMIT ?)
"""


class HabitStatements:
    """Keeps the promises of ``HabitsKept``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_user(self, user_id: str) -> Habits:
        """Give what is known; ``NO_HABITS`` of whom nothing is."""
        row = await self._connection.one(_FIND, user_id)
        return NO_HABITS if row is None else habits_from(row[0])

    async def keep(self, user_id: str, habits: Habits) -> None:
        """Keep it in the place of what was known before."""
        await self._connection.run(_KEEP, user_id, json_text(habits), self._connection.now)

    async def sweep(self, limit: int) -> int:
        """Remove what matters no more."""
        return await self._connection.run(_SWEEP, self._connection.now - KEPT, limit)
