"""Tokens that were written down, and the status lists that they stand in."""

from typing import Final

import msgspec

from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.issued_token import (
    MOST_FILLED,
    IssuedToken,
    Place,
    Registered,
    StatusListRecord,
)
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text, marks_from

_ADD: Final = """
INSERT INTO issued_tokens (digest, jti, family_id, client_id, client_generation, audience,
    api_generation, kid, issued_at, expires_at, kept_until, claims, list_id, idx,
    parents)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT digest, jti, family_id, client_id, client_generation, audience,
    api_generation, kid, issued_at, expires_at, kept_until, claims, list_id, idx, parents
FROM issued_tokens"""
_FIND: Final = f"{_SELECT} WHERE digest = ?"
_IN_LIST: Final = f"{_SELECT} WHERE list_id = ?"
_AFTER: Final = """
SELECT number, digest, expires_at FROM issued_tokens
WHERE audience = ? AND number > ? AND expires_at > ? ORDER BY number LIMIT ?
"""
# The row of the list stays locked until the commit: nobody else takes a place in it meanwhile.
_TAKE_PLACE: Final = """
UPDATE status_lists SET filled = filled + 1,
    kept_until = CASE WHEN kept_until < ? THEN ? ELSE kept_until END
WHERE id = (SELECT id FROM status_lists WHERE audience = ? AND filled < ? ORDER BY id LIMIT 1)
RETURNING id
"""
_BEGIN_LIST: Final = (
    "INSERT INTO status_lists (id, audience, filled, kept_until) VALUES (?, ?, 1, ?)"
)
_IS_TAKEN: Final = "SELECT 1 FROM issued_tokens WHERE list_id = ? AND idx = ?"
_LIST: Final = "SELECT id, filled FROM status_lists WHERE id = ?"
_LISTS: Final = "SELECT id FROM status_lists WHERE id > ? ORDER BY id LIMIT ?"
_SWEEP: Final = """
DELETE FROM issued_tokens WHERE number IN (
    SELECT number FROM issued_tokens WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
"""
_SWEEP_LISTS: Final = """
DELETE FROM status_lists WHERE id IN (
    SELECT id FROM status_lists WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
"""


class IssuedTokenStatements:
    """Keeps the promises of ``IssuedTokens``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, token: IssuedToken) -> None:
        """Add; raises ``Conflict`` where the digest or the place is taken."""
        marks, place = token.marks, token.place
        await self._connection.run(
            _ADD,
            token.digest,
            marks.jti,
            marks.family,
            marks.client_id,
            marks.client_generation,
            marks.audience,
            marks.api_generation,
            marks.kid,
            marks.issued_at,
            token.expires_at,
            token.kept_until,
            json_text(token.claims) if token.claims else None,
            place.list_id if place else None,
            place.index if place else None,
            json_text(marks.parents),
        )

    async def find(self, digest: bytes) -> IssuedToken | None:
        """Look up by digest."""
        row = await self._connection.one(_FIND, digest)
        return _token(row) if row else None

    async def after(self, audience: str, number: int, limit: int) -> list[Registered]:
        """Unexpired tokens of an API with a greater number, in order."""
        now = self._connection.now
        rows = await self._connection.all(_AFTER, audience, number, now, limit)
        return [Registered(*row) for row in rows]

    async def open_list(self, audience: str, kept_until: int, new_id: str) -> str:
        """Count one more token into the API's open list, or begin one; gives its id."""
        row = await self._connection.one(_TAKE_PLACE, kept_until, kept_until, audience, MOST_FILLED)
        if row is None:
            await self._connection.run(_BEGIN_LIST, new_id, audience, kept_until)
            return new_id
        list_id: str = row[0]
        return list_id

    async def is_taken(self, place: Place) -> bool:
        """Whether a token stands there."""
        row = await self._connection.one(_IS_TAKEN, place.list_id, place.index)
        return row is not None

    async def find_list(self, list_id: str) -> StatusListRecord | None:
        """Look up a list by its id."""
        row = await self._connection.one(_LIST, list_id)
        return StatusListRecord(*row) if row else None

    async def in_list(self, list_id: str) -> list[IssuedToken]:
        """All tokens of a list that have not been swept away."""
        return [_token(row) for row in await self._connection.all(_IN_LIST, list_id)]

    async def lists(self, after: str, limit: int) -> list[str]:
        """The ids of lists, in order."""
        return [row[0] for row in await self._connection.all(_LISTS, after, limit)]

    async def sweep(self, limit: int) -> int:
        """Remove tokens that have expired, and lists all of whose tokens have."""
        now = self._connection.now
        swept = await self._connection.run(_SWEEP, now, limit)
        return swept + await self._connection.run(_SWEEP_LISTS, now, limit)


def _token(row: Row) -> IssuedToken:
    jti, family, client_id, client, audience, api, kid, issued_at = row[1:9]
    return IssuedToken(
        digest=row[0],
        marks=Marks(
            jti, family, client_id, client, audience, api, kid, issued_at, marks_from(row[14])
        ),
        expires_at=row[9],
        kept_until=row[10],
        claims=msgspec.json.decode(row[11], type=AccessToken) if row[11] else None,
        place=Place(row[12], row[13]) if row[12] is not None else None,
    )
