"""Providers at which people sign in."""

from typing import Final

import msgspec

from counterfoil.server.records.provider import Provider, ProviderKind, ProviderPolicy
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text

_ADD: Final = """
INSERT INTO providers (id, kind, name, issuer, client_id, sealed_secret, policy, created_at,
    disabled_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, kind, name, issuer, client_id, sealed_secret, policy, created_at, disabled_at
FROM providers"""
_FIND: Final = f"{_SELECT} WHERE id = ?"
_EVERY: Final = f"{_SELECT} ORDER BY created_at, id"
_UPDATE: Final = """
UPDATE providers SET name = ?, client_id = ?, sealed_secret = ?, policy = ?, disabled_at = ?
WHERE id = ?
"""
_REMOVE_WHAT_HANGS: Final = (
    """
DELETE FROM upstream_sessions WHERE identity_id IN (
    SELECT id FROM linked_identities WHERE provider_id = ?)
""",
    "DELETE FROM linked_identities WHERE provider_id = ?",
)
_REMOVE: Final = "DELETE FROM providers WHERE id = ?"
_POLICY: Final = msgspec.json.Decoder(ProviderPolicy)


class ProviderStatements:
    """Keeps the promises of ``Providers``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, provider: Provider) -> None:
        """Add; raises ``Conflict`` where the word is taken."""
        await self._connection.run(
            _ADD,
            provider.id,
            provider.kind.value,
            provider.name,
            provider.issuer,
            provider.client_id,
            provider.sealed_secret,
            json_text(provider.policy),
            provider.created_at,
            provider.disabled_at,
        )

    async def find(self, provider_id: str) -> Provider | None:
        """Look up by the word."""
        row = await self._connection.one(_FIND, provider_id)
        return _provider(row) if row else None

    async def every(self) -> list[Provider]:
        """All, disabled ones too, the oldest first."""
        return [_provider(row) for row in await self._connection.all(_EVERY)]

    async def update(self, provider: Provider) -> bool:
        """Replace all but its kind and issuer; ``False`` where there is no such provider."""
        changed = await self._connection.run(
            _UPDATE,
            provider.name,
            provider.client_id,
            provider.sealed_secret,
            json_text(provider.policy),
            provider.disabled_at,
            provider.id,
        )
        return changed == 1

    async def remove(self, provider_id: str) -> bool:
        """Remove, with all that is linked by it; ``False`` where there is no such provider."""
        for statement in _REMOVE_WHAT_HANGS:
            await self._connection.run(statement, provider_id)
        return await self._connection.run(_REMOVE, provider_id) == 1


def _provider(row: Row) -> Provider:
    return Provider(
        id=row[0],
        kind=ProviderKind(row[1]),
        name=row[2],
        issuer=row[3],
        client_id=row[4],
        sealed_secret=row[5],
        policy=_POLICY.decode(row[6]),
        created_at=row[7],
        disabled_at=row[8],
    )
