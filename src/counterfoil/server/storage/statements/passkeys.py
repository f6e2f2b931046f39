"""Passkeys, by their credential ids."""

from typing import Final

from counterfoil.server.records.passkey import Passkey, PasskeyUse
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text, names_from

_ADD: Final = """
INSERT INTO passkeys (id, credential_id, user_id, user_handle, public_key, name, created_at,
    sign_count, transports, backup_eligible, backed_up, last_used_at, suspect_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, credential_id, user_id, user_handle, public_key, name, created_at,
    sign_count, transports, backup_eligible, backed_up, last_used_at, suspect_at
FROM passkeys"""
_FIND: Final = f"{_SELECT} WHERE id = ?"
_FIND_BY_CREDENTIAL: Final = f"{_SELECT} WHERE credential_id = ?"
_OF_USER: Final = f"{_SELECT} WHERE user_id = ? ORDER BY created_at, id"
_USE: Final = """
UPDATE passkeys SET sign_count = ?, backed_up = ?, last_used_at = ?
WHERE id = ? AND (sign_count < ? OR sign_count + ? = 0)
"""
_SUSPECT: Final = "UPDATE passkeys SET suspect_at = ? WHERE id = ?"
_RENAME: Final = "UPDATE passkeys SET name = ? WHERE id = ?"
_REMOVE: Final = "DELETE FROM passkeys WHERE id = ?"
_REMOVE_OF: Final = "DELETE FROM passkeys WHERE user_id = ?"


class PasskeyStatements:
    """Keeps the promises of ``Passkeys``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, passkey: Passkey) -> None:
        """Add; raises ``Conflict`` where the id or the credential id is taken."""
        await self._connection.run(
            _ADD,
            passkey.id,
            passkey.credential_id,
            passkey.user_id,
            passkey.user_handle,
            passkey.public_key,
            passkey.name,
            passkey.created_at,
            passkey.sign_count,
            json_text(passkey.transports),
            int(passkey.backup_eligible),
            int(passkey.backed_up),
            passkey.last_used_at,
            passkey.suspect_at,
        )

    async def find(self, passkey_id: str) -> Passkey | None:
        """Look up by our own name for it."""
        row = await self._connection.one(_FIND, passkey_id)
        return _passkey(row) if row else None

    async def find_by_credential(self, credential_id: bytes) -> Passkey | None:
        """Look up by the authenticator's name for it."""
        row = await self._connection.one(_FIND_BY_CREDENTIAL, credential_id)
        return _passkey(row) if row else None

    async def of_user(self, user_id: str) -> list[Passkey]:
        """All of a person, the oldest first."""
        return [_passkey(row) for row in await self._connection.all(_OF_USER, user_id)]

    async def use(self, passkey_id: str, use: PasskeyUse) -> bool:
        """Note a use; ``False`` where it is gone or its count went not up."""
        count = use.sign_count
        done = await self._connection.run(
            _USE, count, int(use.backed_up), use.at, passkey_id, count, count
        )
        return done == 1

    async def suspect(self, passkey_id: str, at: int) -> None:
        """Note that its count did not go up."""
        await self._connection.run(_SUSPECT, at, passkey_id)

    async def rename(self, passkey_id: str, name: str) -> bool:
        """Rename; ``False`` where there is no such passkey."""
        return await self._connection.run(_RENAME, name, passkey_id) == 1

    async def remove(self, passkey_id: str) -> bool:
        """Remove; ``False`` where it was gone already."""
        return await self._connection.run(_REMOVE, passkey_id) == 1

    async def remove_of(self, user_id: str) -> int:
        """Remove all of a person; says how many."""
        return await self._connection.run(_REMOVE_OF, user_id)


def _passkey(row: Row) -> Passkey:
    return Passkey(
        id=row[0],
        credential_id=row[1],
        user_id=row[2],
        user_handle=row[3],
        public_key=row[4],
        name=row[5],
        created_at=row[6],
        sign_count=row[7],
        transports=names_from(row[8]),
        backup_eligible=bool(row[9]),
        backed_up=bool(row[10]),
        last_used_at=row[11],
        suspect_at=row[12],
    )
