"""Tokens that people make by hand."""

from typing import Final

from counterfoil.server.records.personal_token import SHOWN_AFTER_END, PersonalToken, TokenEnd, Use
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text, names_from

_ADD: Final = """
INSERT INTO personal_tokens (id, digest, user_id, name, audience, scopes, networks, created_at,
    auth_time, expires_at, last_used_at, last_used_from, ended_at, ended_why, found_at, kept_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, digest, user_id, name, audience, scopes, networks, created_at, auth_time, expires_at,
    last_used_at, last_used_from, ended_at, ended_why, found_at
FROM personal_tokens"""
_FIND: Final = f"{_SELECT} WHERE digest = ?"
_FIND_BY_ID: Final = f"{_SELECT} WHERE id = ?"
_OF_USER: Final = f"{_SELECT} WHERE user_id = ? ORDER BY created_at DESC, id"
_END: Final = """
UPDATE personal_tokens SET ended_at = ?, ended_why = ?, found_at = ?,
    kept_until = CASE WHEN kept_until < ? THEN kept_until ELSE ? END
WHERE id = ? AND ended_at IS NULL
"""
_END_OF_API: Final = """
UPDATE personal_tokens SET ended_at = ?, ended_why = ?,
    kept_until = CASE WHEN kept_until < ? THEN kept_until ELSE ? END
WHERE audience = ? AND ended_at IS NULL
"""
_FIRST_USE: Final = """
UPDATE personal_tokens SET last_used_at = ?, last_used_from = ?
WHERE id = ? AND last_used_at IS NULL
"""
# The address stays where a guard that tells none has seen the token since.
_LATER_USE: Final = """
UPDATE personal_tokens SET last_used_at = ?,
    last_used_from = CASE WHEN ? = '' THEN last_used_from ELSE ? END
WHERE id = ? AND last_used_at <= ?
"""
_SWEEP: Final = """
DELETE FROM personal_tokens WHERE id IN (
    SELECT id FROM personal_tokens WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
"""


class PersonalTokenStatements:
    """Keeps the promises of ``PersonalTokens``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, token: PersonalToken) -> None:
        """Add; raises ``Conflict`` where the id or the digest is taken."""
        await self._connection.run(
            _ADD,
            token.id,
            token.digest,
            token.user_id,
            token.name,
            token.audience,
            json_text(token.scopes),
            json_text(token.networks),
            token.created_at,
            token.auth_time,
            token.expires_at,
            token.last_used_at,
            token.last_used_from,
            token.ended_at,
            token.ended_why,
            token.found_at,
            token.expires_at + SHOWN_AFTER_END,
        )

    async def find(self, digest: bytes) -> PersonalToken | None:
        """Look up by the digest of its text."""
        row = await self._connection.one(_FIND, digest)
        return _token(row) if row else None

    async def find_by_id(self, token_id: str) -> PersonalToken | None:
        """Look up by its ``jti``."""
        row = await self._connection.one(_FIND_BY_ID, token_id)
        return _token(row) if row else None

    async def of_user(self, user_id: str) -> list[PersonalToken]:
        """All of a person that are still kept, ended ones too, the newest first."""
        return [_token(row) for row in await self._connection.all(_OF_USER, user_id)]

    async def end(self, token_id: str, ended: TokenEnd) -> bool:
        """End; ``False`` where it was ended already, or never was."""
        kept = ended.at + SHOWN_AFTER_END
        done = await self._connection.run(
            _END, ended.at, ended.why, ended.found_at, kept, kept, token_id
        )
        return done == 1

    async def end_of_api(self, audience: str, ended: TokenEnd) -> int:
        """End all for an API, in one statement; says how many."""
        kept = ended.at + SHOWN_AFTER_END
        return await self._connection.run(_END_OF_API, ended.at, ended.why, kept, kept, audience)

    async def note_use(self, token_id: str, use: Use) -> bool:
        """Write down a use, unless a later one is known; says whether it was the first."""
        run, address = self._connection.run, use.address
        if await run(_FIRST_USE, use.at, address, token_id):
            return True
        await run(_LATER_USE, use.at, address, address, token_id, use.at)
        return False

    async def sweep(self, limit: int) -> int:
        """Remove what has ended or expired so long ago that nobody is shown it."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)


def _token(row: Row) -> PersonalToken:
    return PersonalToken(
        id=row[0],
        digest=row[1],
        user_id=row[2],
        name=row[3],
        audience=row[4],
        scopes=names_from(row[5]),
        networks=names_from(row[6]),
        created_at=row[7],
        auth_time=row[8],
        expires_at=row[9],
        last_used_at=row[10],
        last_used_from=row[11],
        ended_at=row[12],
        ended_why=row[13],
        found_at=row[14],
    )
