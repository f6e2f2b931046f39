"""Families of tokens: one row however often they are refreshed (OAuth 2.1 §4.3)."""

from typing import Final

from counterfoil.oauth.binding import Binding
from counterfoil.server.records.family import SKEW, Family, Life
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import access_from, json_text, origin_from

_ADD: Final = """
INSERT INTO families (id, grant_id, client_id, user_id, session_id, access, auth_time, created_at,
    last_used_at, access_expires_at, origin, binding_method, binding_thumbprint,
    refresh_generation, refresh_digest, refresh_expires_at, absolute_expires_at, rotated_at,
    ended_at, ended_why, sealed_successor, amr)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT families.id, grant_id, families.client_id, families.user_id, session_id, families.access,
    auth_time, families.created_at, last_used_at, access_expires_at, origin, binding_method,
    binding_thumbprint, refresh_generation, refresh_digest, refresh_expires_at,
    absolute_expires_at, rotated_at, families.ended_at, ended_why,
    sealed_successor, families.amr
FROM families"""
FIND: Final = f"{_SELECT} WHERE id = ?"
# A token's life may only be recorded as longer: its notices live by it.
_ROTATE: Final = """
UPDATE families SET refresh_generation = ?, refresh_digest = ?, refresh_expires_at = ?,
    rotated_at = ?, last_used_at = ?, origin = ?, sealed_successor = ?,
    access_expires_at = CASE WHEN access_expires_at > ? THEN access_expires_at ELSE ? END
WHERE id = ? AND ended_at IS NULL AND refresh_generation = ?
"""
_PROLONG: Final = """
UPDATE families SET
    access_expires_at = CASE WHEN access_expires_at > ? THEN access_expires_at ELSE ? END
WHERE id = ? AND ended_at IS NULL AND refresh_generation = ?
"""
_CLIP: Final = """
UPDATE families SET refresh_expires_at = CASE
    WHEN last_used_at + ? < auth_time + ? THEN last_used_at + ? ELSE auth_time + ? END
WHERE grant_id IN (SELECT id FROM grants WHERE grants.client_id = ?)
    AND (session_id IS NULL) = ? AND ended_at IS NULL
    AND (refresh_expires_at > last_used_at + ? OR refresh_expires_at > auth_time + ?)
"""
_SHORTEN: Final = """
UPDATE families SET refresh_expires_at = ? WHERE id = ? AND refresh_expires_at > ?
"""
_PAGE: Final = f"{_SELECT} WHERE id > ? ORDER BY id LIMIT ?"
_LIVE: Final = """
families.ended_at IS NULL AND (access_expires_at > ? OR refresh_expires_at > ?)
ORDER BY families.created_at, families.id
"""
_LIVE_OF_GRANT: Final = f"{_SELECT} WHERE grant_id = ? AND {_LIVE}"
_LIVE_OF_SESSION: Final = f"{_SELECT} WHERE session_id = ? AND {_LIVE}"
_BY_GRANT: Final = f"{_SELECT} JOIN grants ON grants.id = families.grant_id"
_LIVE_OF_USER: Final = f"{_BY_GRANT} WHERE grants.user_id = ? AND {_LIVE}"
_COUNT_OF_CLIENT: Final = """
SELECT count(*) FROM families
WHERE grant_id IN (SELECT id FROM grants WHERE grants.client_id = ?)
    AND ended_at IS NULL AND (access_expires_at > ? OR refresh_expires_at > ?)
"""
_END_OF_CLIENT: Final = """
UPDATE families SET ended_at = ?, ended_why = ?
WHERE grant_id IN (SELECT id FROM grants WHERE grants.client_id = ?)
    AND ended_at IS NULL AND (access_expires_at > ? OR refresh_expires_at > ?)
"""
_END: Final = "UPDATE families SET ended_at = ?, ended_why = ? WHERE id = ? AND ended_at IS NULL"
_SWEEP: Final = """
DELETE FROM families WHERE id IN (
    SELECT id FROM families WHERE refresh_expires_at <= ? AND access_expires_at <= ? LIMIT ?)
RETURNING id
"""
_FORGET_CODE: Final = "DELETE FROM authorizations WHERE family_id = ?"
_FORGET_MADE: Final = "DELETE FROM made_for WHERE family_id = ?"


class FamilyStatements:
    """Keeps the promises of ``Families``.

    A family is live until ``SKEW`` seconds after its last token expired: a guard's clock may lag.
    ``holding`` ends the statements that read families, where an engine has to be told to hold them.
    """

    holding = ""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, family: Family) -> None:
        """Add."""
        await self._connection.run(
            _ADD,
            family.id,
            family.grant_id,
            family.client_id,
            family.user_id,
            family.session_id,
            json_text(family.access),
            family.auth_time,
            family.created_at,
            family.last_used_at,
            family.access_expires_at,
            json_text(family.origin),
            family.binding.method,
            family.binding.thumbprint,
            family.refresh_generation,
            family.refresh_digest,
            family.refresh_expires_at,
            family.absolute_expires_at,
            family.rotated_at,
            family.ended_at,
            family.ended_why,
            family.sealed_successor,
            " ".join(family.amr),
        )

    async def find(self, family_id: str) -> Family | None:
        """Look up, ended or not."""
        row = await self._connection.one(FIND + self.holding, family_id)
        return family_from(row) if row else None

    async def rotate(self, rotated: Family, from_generation: int) -> bool:
        """Store the new refresh token, times and origin of a family, in one statement.

        ``False`` where the family is ended or its generation is no longer ``from_generation``.
        """
        changed = await self._connection.run(
            _ROTATE,
            rotated.refresh_generation,
            rotated.refresh_digest,
            rotated.refresh_expires_at,
            rotated.rotated_at,
            rotated.last_used_at,
            json_text(rotated.origin),
            rotated.sealed_successor,
            rotated.access_expires_at,
            rotated.access_expires_at,
            rotated.id,
            from_generation,
        )
        return changed == 1

    async def prolong(self, family_id: str, generation: int, access_expires_at: int) -> bool:
        """Record until when an access token lives that is issued under a family; never shorter.

        ``False`` where the family is ended or its generation is no longer ``generation``.
        """
        changed = await self._connection.run(
            _PROLONG, access_expires_at, access_expires_at, family_id, generation
        )
        return changed == 1

    async def clip(self, client_id: str, life: Life, *, offline: bool) -> int:
        """Let no refresh token of a client live longer than this; gives how many were shortened."""
        idle, absolute = life.idle, life.absolute
        times = (idle, absolute, idle, absolute)
        return await self._connection.run(_CLIP, *times, client_id, offline, idle, absolute)

    async def shorten(self, family_id: str, refresh_expires_at: int) -> None:
        """Let the refresh token of a family expire at a time, never later than it would have."""
        await self._connection.run(_SHORTEN, refresh_expires_at, family_id, refresh_expires_at)

    async def page(self, after: str, limit: int) -> list[Family]:
        """At most so many with a greater id, ended or not, by id."""
        return [family_from(row) for row in await self._connection.all(_PAGE, after, limit)]

    async def live_of_grant(self, grant_id: str) -> list[Family]:
        """Live ones under a grant, oldest first."""
        return await self._live(_LIVE_OF_GRANT, grant_id)

    async def live_of_session(self, session_id: str) -> list[Family]:
        """Live ones of a session, oldest first."""
        return await self._live(_LIVE_OF_SESSION, session_id)

    async def live_of_user(self, user_id: str) -> list[Family]:
        """Live ones of a user, oldest first."""
        return await self._live(_LIVE_OF_USER, user_id)

    async def count_of_client(self, client_id: str) -> int:
        """How many of a client are live."""
        since = self._connection.now - SKEW
        row = await self._connection.one(_COUNT_OF_CLIENT, client_id, since, since)
        count: int = row[0] if row else 0
        return count

    async def _live(self, sql: str, of: str) -> list[Family]:
        since = self._connection.now - SKEW
        rows = await self._connection.all(sql + self.holding, of, since, since)
        return [family_from(row) for row in rows]

    async def end(self, family_id: str, at: int, why: str) -> bool:
        """End; ``False`` where it was ended already or never was."""
        return await self._connection.run(_END, at, why, family_id) == 1

    async def end_of_client(self, client_id: str, at: int, why: str) -> int:
        """End all live ones of a client in one statement; says how many."""
        since = self._connection.now - SKEW
        return await self._connection.run(_END_OF_CLIENT, at, why, client_id, since, since)

    async def sweep(self, limit: int) -> int:
        """Remove those of which no token lives, with the codes that they were made from.

        An ended one stays as long as it would have lived, so that reuse is recognised.
        """
        dead_since = self._connection.now - SKEW
        swept = await self._connection.all(_SWEEP, dead_since, dead_since, limit)
        for (family_id,) in swept:
            await self._connection.run(_FORGET_CODE, family_id)
            await self._connection.run(_FORGET_MADE, family_id)
        return len(swept)


def family_from(row: Row) -> Family:
    """Give the family that a row holds."""
    return Family(
        id=row[0],
        grant_id=row[1],
        client_id=row[2],
        user_id=row[3],
        session_id=row[4],
        access=access_from(row[5]),
        auth_time=row[6],
        created_at=row[7],
        last_used_at=row[8],
        access_expires_at=row[9],
        origin=origin_from(row[10]),
        binding=Binding(row[11], row[12]),
        refresh_generation=row[13],
        refresh_digest=row[14],
        refresh_expires_at=row[15],
        absolute_expires_at=row[16],
        rotated_at=row[17],
        ended_at=row[18],
        ended_why=row[19],
        sealed_successor=row[20],
        amr=tuple(row[21].split()),
    )
