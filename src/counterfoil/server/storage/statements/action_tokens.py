"""Action tokens, by the digests of their secrets (S72)."""

from typing import Final

from counterfoil.server.records.action_token import Action, ActionToken
from counterfoil.server.storage.connection import Connection, Row

_PUT: Final = """
INSERT INTO action_tokens (user_id, purpose, digest, email, carries, expires_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (user_id, purpose) DO UPDATE SET digest = excluded.digest, email = excluded.email,
    carries = excluded.carries, expires_at = excluded.expires_at
"""
_COLUMNS: Final = "user_id, purpose, digest, email, carries, expires_at"
_THAT: Final = "FROM action_tokens WHERE digest = ? AND purpose = ? AND expires_at > ?"
_FIND: Final = f"SELECT {_COLUMNS} {_THAT}"
_TAKE: Final = f"DELETE {_THAT} RETURNING {_COLUMNS}"
_END_OF: Final = "DELETE FROM action_tokens WHERE user_id = ?"
_SWEEP: Final = """
DELETE FROM action_tokens WHERE digest IN (
    SELECT digest FROM action_tokens WHERE expires_at <= ? LIMIT ?)
"""


class ActionTokenStatements:
    """Keeps the promises of ``ActionTokens``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, token: ActionToken) -> None:
        """Keep a token in place of the one before it."""
        await self._connection.run(
            _PUT,
            token.user_id,
            token.action.value,
            token.digest,
            token.email,
            token.carries,
            token.expires_at,
        )

    async def find(self, digest: bytes, action: Action, now: int) -> ActionToken | None:
        """Look at a token that has not expired."""
        row = await self._connection.one(_FIND, digest, action.value, now)
        return _token(row) if row else None

    async def take(self, digest: bytes, action: Action, now: int) -> ActionToken | None:
        """Spend a token that has not expired, in one statement."""
        row = await self._connection.one(_TAKE, digest, action.value, now)
        return _token(row) if row else None

    async def end_of(self, user_id: str) -> int:
        """End every token of a person."""
        return await self._connection.run(_END_OF, user_id)

    async def sweep(self, limit: int) -> int:
        """Remove those that have expired."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)


def _token(row: Row) -> ActionToken:
    return ActionToken(
        user_id=row[0],
        action=Action(row[1]),
        digest=row[2],
        email=row[3],
        carries=row[4],
        expires_at=row[5],
    )
