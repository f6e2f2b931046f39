"""Changes of addresses that can be undone, by the digests of the links that undo them."""

from typing import Final

from counterfoil.server.records.email_change import EmailChange
from counterfoil.server.storage.connection import Connection, Row

_COLUMNS: Final = "user_id, digest, email, changed_at, expires_at"
_ADD: Final = """
INSERT INTO email_changes (user_id, digest, email, changed_at, expires_at) VALUES (?, ?, ?, ?, ?)
"""
_THAT: Final = "FROM email_changes WHERE digest = ? AND expires_at > ?"
_FIND: Final = f"SELECT {_COLUMNS} {_THAT}"
_TAKE: Final = f"DELETE {_THAT} RETURNING {_COLUMNS}"
_FORGET: Final = "DELETE FROM email_changes WHERE user_id = ? AND changed_at >= ?"
_OF_USER: Final = """
SELECT user_id, digest, email, changed_at, expires_at FROM email_changes
WHERE user_id = ? ORDER BY changed_at
"""
_SWEEP: Final = """
DELETE FROM email_changes WHERE digest IN (
    SELECT digest FROM email_changes WHERE expires_at <= ? LIMIT ?)
"""


class EmailChangeStatements:
    """Keeps the promises of ``EmailChanges``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, change: EmailChange) -> None:
        """Keep one."""
        await self._connection.run(
            _ADD,
            change.user_id,
            change.digest,
            change.email,
            change.changed_at,
            change.expires_at,
        )

    async def find(self, digest: bytes, now: int) -> EmailChange | None:
        """Look at one that has not expired."""
        row = await self._connection.one(_FIND, digest, now)
        return _change(row) if row else None

    async def take(self, digest: bytes, now: int) -> EmailChange | None:
        """Spend one that has not expired, in one statement."""
        row = await self._connection.one(_TAKE, digest, now)
        return _change(row) if row else None

    async def of_user(self, user_id: str) -> list[EmailChange]:
        """All of a person that are still kept, the oldest first."""
        return [_change(row) for row in await self._connection.all(_OF_USER, user_id)]

    async def forget_since(self, user_id: str, changed_at: int) -> int:
        """Forget those of a person that were made then or later."""
        return await self._connection.run(_FORGET, user_id, changed_at)

    async def sweep(self, limit: int) -> int:
        """Remove those that can be undone no more."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)


def _change(row: Row) -> EmailChange:
    return EmailChange(
        user_id=row[0], digest=row[1], email=row[2], changed_at=row[3], expires_at=row[4]
    )
