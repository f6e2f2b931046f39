"""Signing keys with their sealed private halves."""

from typing import Final

from counterfoil.server.records.audit import FeedKey
from counterfoil.server.records.signing_key import Purpose, SigningKey
from counterfoil.server.storage.connection import Connection, Row

_ADD: Final = """
INSERT INTO signing_keys (kid, purpose, algorithm, public_jwk, sealed, created_at, active_from,
    retired_at, gone_at, withdrawn_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REPLACE: Final = """
UPDATE signing_keys SET active_from = ?, retired_at = ?, gone_at = ?, withdrawn_at = ?, sealed = ?
WHERE kid = ?
"""
_EVERY: Final = """
SELECT kid, purpose, algorithm, public_jwk, sealed, created_at, active_from, retired_at, gone_at,
    withdrawn_at
FROM signing_keys WHERE purpose = ? ORDER BY created_at, active_from, kid
"""
_FEED_KEYS: Final = """
SELECT kid, algorithm, public_jwk, withdrawn_at FROM signing_keys WHERE purpose = ?
UNION SELECT kid, algorithm, public_jwk, withdrawn_at FROM feed_keys_before
"""
_KEEP_PUBLIC: Final = """
INSERT INTO feed_keys_before (kid, algorithm, public_jwk, withdrawn_at)
SELECT kid, algorithm, public_jwk, withdrawn_at FROM signing_keys
WHERE gone_at <= ? AND purpose = ?
ON CONFLICT (kid) DO NOTHING
"""
_SWEEP: Final = """
DELETE FROM signing_keys WHERE kid IN (
    SELECT kid FROM signing_keys WHERE gone_at <= ? LIMIT ?)
"""


class SigningKeyStatements:
    """Keeps the promises of ``SigningKeys``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, key: SigningKey) -> None:
        """Add."""
        await self._connection.run(
            _ADD,
            key.kid,
            key.purpose.value,
            key.algorithm,
            key.public_jwk,
            key.sealed,
            key.created_at,
            key.active_from,
            key.retired_at,
            key.gone_at,
            key.withdrawn_at,
        )

    async def replace(self, key: SigningKey) -> None:
        """Store changed times of a key, and its private half as it is sealed now."""
        await self._connection.run(
            _REPLACE,
            key.active_from,
            key.retired_at,
            key.gone_at,
            key.withdrawn_at,
            key.sealed,
            key.kid,
        )

    async def every(self, purpose: Purpose) -> list[SigningKey]:
        """Oldest first, gone ones included until they are swept."""
        return [_key(row) for row in await self._connection.all(_EVERY, purpose.value)]

    async def sweep(self, limit: int) -> int:
        """Remove gone ones; of those that signed heads the public half stays."""
        now = self._connection.now
        await self._connection.run(_KEEP_PUBLIC, now, Purpose.FEED.value)
        return await self._connection.run(_SWEEP, now, limit)

    async def feed_keys(self) -> list[FeedKey]:
        """Public halves of all keys that have ever signed heads, swept ones included."""
        rows = await self._connection.all(_FEED_KEYS, Purpose.FEED.value)
        return [FeedKey(row[0], row[1], row[2], row[3] is not None) for row in rows]


def _key(row: Row) -> SigningKey:
    return SigningKey(
        kid=row[0],
        purpose=Purpose(row[1]),
        algorithm=row[2],
        public_jwk=row[3],
        sealed=row[4],
        created_at=row[5],
        active_from=row[6],
        retired_at=row[7],
        gone_at=row[8],
        withdrawn_at=row[9],
    )
