"""The outbox: letters that wait to be sent, sealed."""

from typing import Final

from counterfoil.server.records.letter import Waiting
from counterfoil.server.storage.connection import Connection, Row

_PUT: Final = """
INSERT INTO outbox (id, sealed, due_at, expires_at, attempts) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, due_at = excluded.due_at,
    expires_at = excluded.expires_at, attempts = excluded.attempts
"""
_IS_DUE: Final = "SELECT 1 FROM outbox WHERE due_at <= ? LIMIT 1"
_CLAIM: Final = """
UPDATE outbox SET due_at = ?, attempts = attempts + 1
WHERE due_at <= ? AND id = (SELECT id FROM outbox WHERE due_at <= ? ORDER BY due_at, id LIMIT 1)
RETURNING id, sealed, due_at, expires_at, attempts
"""
_POSTPONE: Final = "UPDATE outbox SET due_at = ? WHERE id = ?"
_REMOVE: Final = "DELETE FROM outbox WHERE id = ?"
_FULL: Final = "SELECT 1 FROM outbox LIMIT 1 OFFSET ?"
_SWEEP: Final = """
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE expires_at <= ? LIMIT ?)
"""
_KEPT_SECONDS: Final = 3600
"""After its end, so that who sends has time to say that a letter was never sent."""


class OutboxStatements:
    """Keeps the promises of ``Outbox``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, waiting: Waiting) -> None:
        """Keep a letter, or what it has become."""
        values = waiting.id, waiting.sealed, waiting.due_at, waiting.expires_at, waiting.attempts
        await self._connection.run(_PUT, *values)

    async def is_due(self, now: int) -> bool:
        """Whether there is a letter to be tried."""
        return await self._connection.one(_IS_DUE, now) is not None

    async def claim(self, now: int, until: int) -> Waiting | None:
        """Take the letter that has been due for the longest, in one statement."""
        row = await self._connection.one(_CLAIM, until, now, now)
        return _waiting(row) if row else None

    async def postpone(self, letter_id: str, due_at: int) -> None:
        """Have a letter tried again at that time."""
        await self._connection.run(_POSTPONE, due_at, letter_id)

    async def remove(self, letter_id: str) -> None:
        """Forget a letter."""
        await self._connection.run(_REMOVE, letter_id)

    async def is_full(self, most: int) -> bool:
        """Whether so many letters wait."""
        return await self._connection.one(_FULL, most - 1) is not None

    async def sweep(self, limit: int) -> int:
        """Remove those that nobody came to send."""
        return await self._connection.run(_SWEEP, self._connection.now - _KEPT_SECONDS, limit)


def _waiting(row: Row) -> Waiting:
    return Waiting(id=row[0], sealed=row[1], due_at=row[2], expires_at=row[3], attempts=row[4])
