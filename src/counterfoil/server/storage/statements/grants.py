"""What users allowed clients."""

from typing import Final

from counterfoil.server.records.grant import Grant
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import access_from, json_text

# The unique index over live grants decides who makes it; whoever comes second changes what stands.
_ALLOW: Final = """
INSERT INTO grants (id, user_id, client_id, access, created_at, updated_at, ends_at, limited,
    ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)
ON CONFLICT (user_id, client_id) WHERE ended_at IS NULL DO UPDATE
SET access = excluded.access, updated_at = CASE
    WHEN grants.updated_at > excluded.updated_at THEN grants.updated_at
    ELSE excluded.updated_at END, ends_at = excluded.ends_at, limited = excluded.limited
RETURNING id, user_id, client_id, access, created_at, updated_at, ended_at, ends_at, limited
"""
_ADD_ENDED: Final = """
INSERT INTO grants (id, user_id, client_id, access, created_at, updated_at, ends_at, ended_at)
VALUES (?, ?, ?, ?, ?, ?, NULL, ?)
"""
_SELECT: Final = """
SELECT id, user_id, client_id, access, created_at, updated_at, ended_at, ends_at, limited
FROM grants"""
_BETWEEN: Final = f"{_SELECT} WHERE user_id = ? AND client_id = ? AND ended_at IS NULL"
FIND: Final = f"{_SELECT} WHERE id = ?"
_OF_USER: Final = f"{_SELECT} WHERE user_id = ? AND ended_at IS NULL ORDER BY created_at, id"
_EVERY: Final = f"{_SELECT} WHERE ended_at IS NULL ORDER BY created_at, id"
_END: Final = "UPDATE grants SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
_LIMIT: Final = """
UPDATE grants SET ends_at = ?, updated_at = CASE WHEN updated_at > ? THEN updated_at ELSE ? END
WHERE id = ? AND ended_at IS NULL
"""
_DUE: Final = f"{_SELECT} WHERE ends_at <= ? AND ended_at IS NULL ORDER BY ends_at, id LIMIT ?"
_BURN_CODES: Final = "DELETE FROM authorizations WHERE grant_id = ? AND taken_at IS NULL"
_SWEEP: Final = """
DELETE FROM grants WHERE id IN (
    SELECT id FROM grants
    WHERE ended_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM families WHERE families.grant_id = grants.id)
        AND NOT EXISTS (SELECT 1 FROM authorizations WHERE authorizations.grant_id = grants.id)
    LIMIT ?)
"""


class GrantStatements:
    """Keeps the promises of ``Grants``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def allow(self, grant: Grant) -> Grant:
        """Make this grant, or give its access to the live one of the same user and client."""
        row = await self._connection.one(
            _ALLOW,
            grant.id,
            grant.user_id,
            grant.client_id,
            json_text(grant.access),
            grant.created_at,
            grant.updated_at,
            grant.ends_at,
            json_text(grant.limited),
        )
        if row is None:
            raise LookupError(f"the grant {grant.id!r} stands neither new nor old")
        return _grant(row)

    async def add_ended(self, grant: Grant) -> None:
        """Add one that never stood."""
        at = grant.created_at
        access = json_text(grant.access)
        who = grant.user_id, grant.client_id
        await self._connection.run(_ADD_ENDED, grant.id, *who, access, at, at, at)

    async def find(self, grant_id: str) -> Grant | None:
        """Look up, ended or not."""
        row = await self._connection.one(FIND, grant_id)
        return _grant(row) if row else None

    async def between(self, user_id: str, client_id: str) -> Grant | None:
        """The live grant of this user and client."""
        row = await self._connection.one(_BETWEEN, user_id, client_id)
        return _grant(row) if row else None

    async def of_user(self, user_id: str) -> list[Grant]:
        """Live ones, by age."""
        return [_grant(row) for row in await self._connection.all(_OF_USER, user_id)]

    async def every(self) -> list[Grant]:
        """Live ones, by age."""
        return [_grant(row) for row in await self._connection.all(_EVERY)]

    async def end(self, grant_id: str, at: int) -> bool:
        """End; ``False`` where it was ended already or never was. Its codes die with it."""
        if await self._connection.run(_END, at, grant_id) != 1:
            return False
        await self._connection.run(_BURN_CODES, grant_id)
        return True

    async def limit(self, grant_id: str, ends_at: int | None, at: int) -> bool:
        """Give a live grant another end date, or none; ``False`` where there is no such grant."""
        return await self._connection.run(_LIMIT, ends_at, at, at, grant_id) == 1

    async def due(self, limit: int) -> list[Grant]:
        """At most so many that have not been ended and whose end date has come, oldest first."""
        due = await self._connection.all(_DUE, self._connection.now, limit)
        return [_grant(row) for row in due]

    async def sweep(self, limit: int) -> int:
        """Remove ended ones under which nothing hangs any more."""
        return await self._connection.run(_SWEEP, limit)


def _grant(row: Row) -> Grant:
    return Grant(
        id=row[0],
        user_id=row[1],
        client_id=row[2],
        access=access_from(row[3]),
        created_at=row[4],
        updated_at=row[5],
        ended_at=row[6],
        ends_at=row[7],
        limited=access_from(row[8]),
    )
