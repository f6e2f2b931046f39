"""What a refresh token or a code rests on comes with it, in one round trip instead of four.

Whoever reads a family or takes a code asks next for the person, the grant and the session. Nobody
changes these while the work is under way: who ends them runs alone.
"""

from typing import Final

from counterfoil.server.records.authorization import MOST_WRONG_VERIFIERS, Authorization
from counterfoil.server.records.family import Family
from counterfoil.server.storage.connection import Row
from counterfoil.server.storage.postgres_connection import PostgresConnection
from counterfoil.server.storage.statements import families, grants, sessions, users
from counterfoil.server.storage.statements.authorizations import (
    TAKE,
    AuthorizationStatements,
    authorization_from,
)

_RESTS_ON: Final = {
    users.FIND: "user_id",
    grants.FIND: "grant_id",
    sessions.FIND: "session_id",
}
_HOLDING: Final = " FOR NO KEY UPDATE OF families"
_COLUMN: Final = ", (SELECT found FROM (...) AS found)"


def _with_what_it_rests_on(table: str) -> str:
    """Give columns that hold a row each: what the statement would find by the table's column."""
    found = (find.replace("?", f"{table}.{column}") for find, column in _RESTS_ON.items())
    return "".join(_COLUMN.replace("...", sql) for sql in found)


_FIND_FAMILY: Final = (
    families.FIND.replace("\nFROM families", f"{_with_what_it_rests_on('families')}\nFROM families")
    + _HOLDING
)
_TAKE: Final = TAKE.rstrip() + _with_what_it_rests_on("authorizations")


class HeldFamilies(families.FamilyStatements):
    """Families that nobody else changes, from when they are read until the commit.

    Otherwise one could be refreshed while it is ended, by a token that outlives its notice.
    """

    holding = _HOLDING

    def __init__(self, connection: PostgresConnection) -> None:
        super().__init__(connection)
        self._line = connection

    async def find(self, family_id: str) -> Family | None:
        """Look up, ended or not, and hold it."""
        row = await self._line.one(_FIND_FAMILY, family_id)
        if row is None:
            return None
        family = families.family_from(row)
        _foresee(self._line, row, (family.user_id, family.grant_id, family.session_id))
        return family


class ForeseeingCodes(AuthorizationStatements):
    """Codes whose person, grant and session are at hand when they are taken."""

    def __init__(self, connection: PostgresConnection) -> None:
        super().__init__(connection)
        self._line = connection

    async def take(self, digest: bytes, family_id: str, now: int) -> Authorization | None:
        """Take an untaken, unexpired code with few wrong verifiers, in one statement."""
        row = await self._line.one(_TAKE, now, family_id, digest, now, MOST_WRONG_VERIFIERS)
        if row is None:
            return None
        code = authorization_from(row)
        _foresee(self._line, row, (code.user_id, code.grant_id, code.session_id))
        return code


def _foresee(connection: PostgresConnection, row: Row, names: tuple[str | None, ...]) -> None:
    rows = row[-len(_RESTS_ON) :]
    for find, name, found in zip(_RESTS_ON, names, rows, strict=True):
        if name is not None:
            connection.foreseen[find, name] = None if found is None else tuple(found)
