"""Second factors: authenticators, recovery codes by their digests, codes by mail, and failures."""

from collections.abc import Sequence
from typing import Final

from counterfoil.server.records.second_factor import (
    FORGET_AFTER,
    Authenticator,
    FactorFailures,
    Factors,
)
from counterfoil.server.storage.connection import Connection

# What was ended by an administrator is no password (``records/user.py``).
_OF_USER: Final = """
SELECT (SELECT count(*) FROM authenticators WHERE user_id = ?),
    (SELECT count(*) FROM recovery_codes WHERE user_id = ?),
    (SELECT min(created_at) FROM passkeys WHERE user_id = ?),
    (SELECT count(password_hash) FROM users WHERE id = ? AND password_hash NOT LIKE '!%'),
    (SELECT since FROM mailed_codes WHERE user_id = ?)
"""
_ADD: Final = """
INSERT INTO authenticators (user_id, sealed, added_at, last_step) VALUES (?, ?, ?, ?)
ON CONFLICT (user_id) DO NOTHING
"""
_FIND: Final = "SELECT user_id, sealed, added_at, last_step FROM authenticators WHERE user_id = ?"
_SPEND: Final = "UPDATE authenticators SET last_step = ? WHERE user_id = ? AND last_step < ?"
_REMOVE: Final = "DELETE FROM authenticators WHERE user_id = ?"
_FORGET_CODES: Final = "DELETE FROM recovery_codes WHERE user_id = ?"
_ADD_CODE: Final = "INSERT INTO recovery_codes (user_id, digest) VALUES (?, ?)"
_TAKE_CODE: Final = "DELETE FROM recovery_codes WHERE user_id = ? AND digest = ?"
_CHOOSE_MAILED: Final = """
INSERT INTO mailed_codes (user_id, since) VALUES (?, ?) ON CONFLICT (user_id) DO NOTHING
"""
_DROP_MAILED: Final = "DELETE FROM mailed_codes WHERE user_id = ?"
_FAILURES: Final = "SELECT failures, locked_until FROM factor_failures WHERE user_id = ?"
_NOTE_FAILURE: Final = """
INSERT INTO factor_failures (user_id, failures, locked_until, last_at) VALUES (?, 1, ?, ?)
ON CONFLICT (user_id) DO UPDATE SET failures = factor_failures.failures + 1,
    last_at = excluded.last_at,
    locked_until = CASE WHEN factor_failures.locked_until > excluded.locked_until
        THEN factor_failures.locked_until ELSE excluded.locked_until END
"""
_NOTE_SUCCESS: Final = "DELETE FROM factor_failures WHERE user_id = ?"
_SWEEP: Final = """
DELETE FROM factor_failures WHERE user_id IN (
    SELECT user_id FROM factor_failures WHERE last_at <= ? LIMIT ?)
"""


class SecondFactorStatements:
    """Keeps the promises of ``SecondFactors``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_user(self, user_id: str) -> Factors:
        """Say what there is to show."""
        row = await self._connection.one(_OF_USER, *[user_id] * 5)
        if row is None:
            return Factors()
        return Factors(bool(row[0]), int(row[1]), row[2], bool(row[3]), row[4])

    async def add_authenticator(self, authenticator: Authenticator) -> bool:
        """Add in one statement; ``False`` where there is one already."""
        added = await self._connection.run(
            _ADD,
            authenticator.user_id,
            authenticator.sealed,
            authenticator.added_at,
            authenticator.last_step,
        )
        return added == 1

    async def authenticator(self, user_id: str) -> Authenticator | None:
        """Look up by person."""
        row = await self._connection.one(_FIND, user_id)
        if row is None:
            return None
        return Authenticator(user_id=row[0], sealed=row[1], added_at=row[2], last_step=row[3])

    async def spend_step(self, user_id: str, step: int) -> bool:
        """Use a step up in one statement; ``False`` where it, or a later one, was used before."""
        return await self._connection.run(_SPEND, step, user_id, step) == 1

    async def put_recovery_codes(self, user_id: str, digests: Sequence[bytes]) -> None:
        """Keep these codes in place of all before them."""
        await self._connection.run(_FORGET_CODES, user_id)
        for digest in digests:
            await self._connection.run(_ADD_CODE, user_id, digest)

    async def take_recovery_code(self, user_id: str, digest: bytes) -> bool:
        """Use a code up in one statement; ``False`` where there is no such one."""
        return await self._connection.run(_TAKE_CODE, user_id, digest) == 1

    async def remove(self, user_id: str) -> bool:
        """Take all away, and forget the failures; ``False`` where there was no authenticator."""
        await self._connection.run(_FORGET_CODES, user_id)
        await self._connection.run(_NOTE_SUCCESS, user_id)
        return await self._connection.run(_REMOVE, user_id) == 1

    async def choose_mailed_codes(self, user_id: str, since: int) -> bool:
        """Have codes sent by mail from now on; ``False`` where they are."""
        return await self._connection.run(_CHOOSE_MAILED, user_id, since) == 1

    async def drop_mailed_codes(self, user_id: str) -> bool:
        """Have none sent any more; ``False`` where none were."""
        return await self._connection.run(_DROP_MAILED, user_id) == 1

    async def failures(self, user_id: str) -> FactorFailures:
        """Give the failures since the last right code."""
        row = await self._connection.one(_FAILURES, user_id)
        return FactorFailures(row[0], row[1]) if row else FactorFailures()

    async def note_failure(self, user_id: str, locked_until: int) -> None:
        """Count one more wrong code and lock until then; a lock is never shortened."""
        await self._connection.run(_NOTE_FAILURE, user_id, locked_until, self._connection.now)

    async def note_success(self, user_id: str) -> None:
        """Clear the count of failures and the lock."""
        await self._connection.run(_NOTE_SUCCESS, user_id)

    async def sweep(self, limit: int) -> int:
        """Remove failures that no longer count."""
        return await self._connection.run(_SWEEP, self._connection.now - FORGET_AFTER, limit)
