"""Authorization codes, by their SHA-256 (OAuth 2.1 §4.1.2)."""

from typing import Final

from counterfoil.server.records.authorization import MOST_WRONG_VERIFIERS, Authorization
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import access_from, json_text, origin_from

_ADD: Final = """
INSERT INTO authorizations (digest, client_id, user_id, grant_id, session_id, redirect_uri,
    code_challenge, access, auth_time, expires_at, origin, nonce, taken_at,
    family_id, wrong_verifiers, dpop_jkt, amr)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
TAKE: Final = """
UPDATE authorizations SET taken_at = ?, family_id = ?, kept = 1
WHERE digest = ? AND taken_at IS NULL AND expires_at > ? AND wrong_verifiers < ?
RETURNING digest, client_id, user_id, grant_id, session_id, redirect_uri,
    code_challenge, access, auth_time, expires_at, origin, nonce, taken_at, family_id,
    wrong_verifiers, dpop_jkt, amr
"""
_FIND: Final = """
SELECT digest, client_id, user_id, grant_id, session_id, redirect_uri,
    code_challenge, access, auth_time, expires_at, origin, nonce, taken_at, family_id,
    wrong_verifiers, dpop_jkt, amr
FROM authorizations WHERE digest = ?
"""
_PUT_BACK: Final = """
UPDATE authorizations
SET taken_at = NULL, family_id = NULL, kept = 0, wrong_verifiers = wrong_verifiers + 1
WHERE digest = ?
    AND NOT EXISTS (SELECT 1 FROM families WHERE families.id = authorizations.family_id)
"""
_BURN_OF_GRANT: Final = "DELETE FROM authorizations WHERE grant_id = ? AND taken_at IS NULL"
_BURN_OF_SESSION: Final = "DELETE FROM authorizations WHERE session_id = ? AND taken_at IS NULL"
_BURN_OF_CLIENT: Final = """
DELETE FROM authorizations
WHERE taken_at IS NULL AND grant_id IN (SELECT id FROM grants WHERE grants.client_id = ?)
"""
_SWEEP: Final = """
DELETE FROM authorizations WHERE digest IN (
    SELECT digest FROM authorizations WHERE kept = 0 AND expires_at <= ? LIMIT ?)
"""


class AuthorizationStatements:
    """Keeps the promises of ``Authorizations``.

    A taken code stays as long as the family that is made from it in the same transaction
    (``kept``), so that its replay is recognised, whenever it comes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, authorization: Authorization) -> None:
        """Add."""
        await self._connection.run(
            _ADD,
            authorization.digest,
            authorization.client_id,
            authorization.user_id,
            authorization.grant_id,
            authorization.session_id,
            authorization.redirect_uri,
            authorization.code_challenge,
            json_text(authorization.access),
            authorization.auth_time,
            authorization.expires_at,
            json_text(authorization.origin),
            authorization.nonce,
            authorization.taken_at,
            authorization.family_id,
            authorization.wrong_verifiers,
            authorization.dpop_jkt,
            " ".join(authorization.amr),
        )

    async def take(self, digest: bytes, family_id: str, now: int) -> Authorization | None:
        """Take an untaken, unexpired code with few wrong verifiers, in one statement."""
        row = await self._connection.one(TAKE, now, family_id, digest, now, MOST_WRONG_VERIFIERS)
        return authorization_from(row) if row else None

    async def find(self, digest: bytes) -> Authorization | None:
        """Look at a code, taken or not, without taking it."""
        row = await self._connection.one(_FIND, digest)
        return authorization_from(row) if row else None

    async def put_back(self, digest: bytes) -> None:
        """Undo a taking after a wrong verifier, counting it; never once a family was made."""
        await self._connection.run(_PUT_BACK, digest)

    async def burn_of_grant(self, grant_id: str) -> None:
        """Remove untaken codes of a grant that is signed out."""
        await self._connection.run(_BURN_OF_GRANT, grant_id)

    async def burn_of_session(self, session_id: str) -> None:
        """Remove untaken codes of an ended session."""
        await self._connection.run(_BURN_OF_SESSION, session_id)

    async def burn_of_client(self, client_id: str) -> None:
        """Remove untaken codes of a client whose tokens have ended."""
        await self._connection.run(_BURN_OF_CLIENT, client_id)

    async def sweep(self, limit: int) -> int:
        """Remove expired codes from which no family was made."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)


def authorization_from(row: Row) -> Authorization:
    """Give the code that a row holds."""
    return Authorization(
        digest=row[0],
        client_id=row[1],
        user_id=row[2],
        grant_id=row[3],
        session_id=row[4],
        redirect_uri=row[5],
        code_challenge=row[6],
        access=access_from(row[7]),
        auth_time=row[8],
        expires_at=row[9],
        origin=origin_from(row[10]),
        nonce=row[11],
        taken_at=row[12],
        family_id=row[13],
        wrong_verifiers=row[14],
        dpop_jkt=row[15],
        amr=tuple(row[16].split()),
    )
