"""Rights of clients to mint tokens for people, and what came of them."""

from typing import Final

from counterfoil.server.records.mint_right import MadeFor, MintRight
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import access_from, json_text, names_from

KEPT_SECONDS: Final = 30 * 86400
"""For so long it is seen that there was a right."""

_ADD: Final = """
INSERT INTO mint_rights (id, client_id, users, any_user, access, longest, created_at, ends_at,
    given_by, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, client_id, users, any_user, access, longest, created_at, ends_at, given_by, ended_at
FROM mint_rights"""
_FIND: Final = f"{_SELECT} WHERE id = ?"
_OF_CLIENT: Final = f"{_SELECT} WHERE client_id = ? AND ended_at IS NULL ORDER BY created_at, id"
_WITHDRAW: Final = "UPDATE mint_rights SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
_COUNT: Final = """
INSERT INTO made_for (family_id, right_id, user_id, tokens) VALUES (?, ?, ?, ?)
ON CONFLICT (family_id) DO UPDATE SET tokens = made_for.tokens + excluded.tokens
"""
_MADE: Final = """
SELECT made_for.family_id, made_for.right_id, made_for.user_id, made_for.tokens
FROM made_for JOIN families ON families.id = made_for.family_id
WHERE families.ended_at IS NULL"""
_OF_FAMILY: Final = """
SELECT family_id, right_id, user_id, tokens FROM made_for WHERE family_id = ?
"""
_LIVE_MADE_FOR: Final = f"{_MADE} AND made_for.right_id = ? AND made_for.user_id = ?"
_MADE_BY: Final = f"{_MADE} AND made_for.right_id = ? ORDER BY made_for.family_id"
_MADE_FOR_USER: Final = f"{_MADE} AND made_for.user_id = ? ORDER BY made_for.family_id"
_SWEEP: Final = """
DELETE FROM mint_rights WHERE id IN (
    SELECT id FROM mint_rights
    WHERE (ends_at <= ? OR ended_at <= ?)
        AND NOT EXISTS (SELECT 1 FROM made_for WHERE made_for.right_id = mint_rights.id)
    LIMIT ?)
"""


class MintRightStatements:
    """Keeps the promises of ``MintRights``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, right: MintRight) -> None:
        """Add a right."""
        await self._connection.run(
            _ADD,
            right.id,
            right.client_id,
            json_text(right.users),
            int(right.any_user),
            json_text(right.access),
            right.longest,
            right.created_at,
            right.ends_at,
            right.given_by,
            right.ended_at,
        )

    async def find(self, right_id: str) -> MintRight | None:
        """Look up, withdrawn or not."""
        row = await self._connection.one(_FIND, right_id)
        return _right(row) if row else None

    async def of_client(self, client_id: str) -> list[MintRight]:
        """Those that were not withdrawn, by age; past ones until they are swept."""
        return [_right(row) for row in await self._connection.all(_OF_CLIENT, client_id)]

    async def withdraw(self, right_id: str, at: int) -> bool:
        """Withdraw; ``False`` where it was withdrawn already or never was."""
        return await self._connection.run(_WITHDRAW, at, right_id) == 1

    async def count(self, made: MadeFor) -> None:
        """Add so many tokens to what was made for a person by a right, under this family."""
        await self._connection.run(_COUNT, made.family_id, made.right_id, made.user_id, made.tokens)

    async def of_family(self, family_id: str) -> MadeFor | None:
        """What was made under this family; ``None`` where it is no such family."""
        row = await self._connection.one(_OF_FAMILY, family_id)
        return MadeFor(*row) if row else None

    async def live_made_for(self, right_id: str, user_id: str) -> MadeFor | None:
        """What hangs under a family that has not ended."""
        row = await self._connection.one(_LIVE_MADE_FOR, right_id, user_id)
        return MadeFor(*row) if row else None

    async def made_by(self, right_id: str) -> list[MadeFor]:
        """For whom a right has made tokens whose families have not ended."""
        return [MadeFor(*row) for row in await self._connection.all(_MADE_BY, right_id)]

    async def made_for_user(self, user_id: str) -> list[MadeFor]:
        """By which rights tokens were made for a person whose families have not ended."""
        return [MadeFor(*row) for row in await self._connection.all(_MADE_FOR_USER, user_id)]

    async def sweep(self, limit: int) -> int:
        """Remove rights that ended long ago. What was made leaves with its family."""
        since = self._connection.now - KEPT_SECONDS
        return await self._connection.run(_SWEEP, since, since, limit)


def _right(row: Row) -> MintRight:
    return MintRight(
        id=row[0],
        client_id=row[1],
        users=names_from(row[2]),
        any_user=bool(row[3]),
        access=access_from(row[4]),
        longest=row[5],
        created_at=row[6],
        ends_at=row[7],
        given_by=row[8],
        ended_at=row[9],
    )
