"""Registered clients and their secrets."""

from collections.abc import Mapping
from typing import Final

from counterfoil.server.records.client import Client, ClientSecret
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import (
    access_from,
    client_policy_from,
    exchange_rights_from,
    json_text,
    names_from,
)

EXPIRED_SECRET_KEPT_SECONDS: Final = 30 * 86400
"""So long an expired secret is still shown, with its last use."""

_ADD: Final = """
INSERT INTO clients (client_id, client_name, created_at, grant_types, scopes, redirect_uris,
    post_logout_redirect_uris, public, generation, disabled_at, access, policy, jwks,
    exchange_rights, backchannel_logout_uri, backchannel_logout_session_required)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT client_id, client_name, created_at, grant_types, scopes, redirect_uris,
    post_logout_redirect_uris, public, generation, disabled_at, access, policy, jwks,
    exchange_rights, backchannel_logout_uri, backchannel_logout_session_required
FROM clients"""
_FIND: Final = f"{_SELECT} WHERE client_id = ?"
_EVERY: Final = f"{_SELECT} ORDER BY created_at, client_id"
_UPDATE: Final = """
UPDATE clients SET client_name = ?, grant_types = ?, scopes = ?, redirect_uris = ?,
    post_logout_redirect_uris = ?, access = ?, policy = ?, jwks = ?,
    exchange_rights = ?, backchannel_logout_uri = ?, backchannel_logout_session_required = ?
WHERE client_id = ?
"""
_SECRETS_OF: Final = """
SELECT id, client_id, digest, created_at, expires_at, last_used_at FROM client_secrets
WHERE client_id = ?
"""
_FIND_SECRET: Final = """
SELECT id, client_id, digest, created_at, expires_at, last_used_at FROM client_secrets
WHERE digest = ?
"""
_ADD_SECRET: Final = """
INSERT INTO client_secrets (id, client_id, digest, created_at, expires_at, last_used_at)
VALUES (?, ?, ?, ?, ?, ?)
"""
_EXPIRE_SECRET: Final = """
UPDATE client_secrets SET expires_at = ? WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)
"""
_TOUCH_SECRET: Final = """
UPDATE client_secrets SET last_used_at = ?
WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)
"""
_DISABLE: Final = "UPDATE clients SET disabled_at = ? WHERE client_id = ? AND disabled_at IS NULL"
_ENABLE: Final = """
UPDATE clients SET disabled_at = NULL WHERE client_id = ? AND disabled_at IS NOT NULL
"""
_NEXT_GENERATION: Final = """
UPDATE clients SET generation = generation + 1 WHERE client_id = ? RETURNING generation
"""
_SWEEP: Final = """
DELETE FROM client_secrets WHERE id IN (
    SELECT id FROM client_secrets WHERE expires_at <= ? LIMIT ?)
"""


class ClientStatements:
    """Keeps the promises of ``Clients``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, client: Client) -> None:
        """Add; raises ``Conflict`` where the ``client_id`` is taken."""
        await self._connection.run(
            _ADD,
            client.client_id,
            client.client_name,
            client.created_at,
            json_text(client.grant_types),
            json_text(client.scopes),
            json_text(client.redirect_uris),
            json_text(client.post_logout_redirect_uris),
            client.public,
            client.generation,
            client.disabled_at,
            json_text(client.access),
            json_text(client.policy),
            client.jwks,
            json_text(client.exchange_rights),
            client.backchannel_logout_uri,
            client.backchannel_logout_session_required,
        )

    async def find(self, client_id: str) -> Client | None:
        """Look up by ``client_id``."""
        row = await self._connection.one(_FIND, client_id)
        return _client(row) if row else None

    async def every(self) -> list[Client]:
        """All, oldest first."""
        return [_client(row) for row in await self._connection.all(_EVERY)]

    async def update(self, client: Client) -> bool:
        """Change what was registered; ``False`` where there is no such client.

        Generation, kind and state stay: they have verbs of their own.
        """
        changed = await self._connection.run(
            _UPDATE,
            client.client_name,
            json_text(client.grant_types),
            json_text(client.scopes),
            json_text(client.redirect_uris),
            json_text(client.post_logout_redirect_uris),
            json_text(client.access),
            json_text(client.policy),
            client.jwks,
            json_text(client.exchange_rights),
            client.backchannel_logout_uri,
            client.backchannel_logout_session_required,
            client.client_id,
        )
        return changed == 1

    async def secrets_of(self, client_id: str) -> list[ClientSecret]:
        """Every secret that has not been removed, oldest first."""
        rows = await self._connection.all(_SECRETS_OF, client_id)
        # They are few: SQLite's sorter would cost more than all the rest of the query.
        return sorted((ClientSecret(*row) for row in rows), key=_age)

    async def find_secret(self, digest: bytes) -> ClientSecret | None:
        """Look up by the digest of its text, whosever it is."""
        row = await self._connection.one(_FIND_SECRET, digest)
        return ClientSecret(*row) if row else None

    async def add_secret(self, secret: ClientSecret) -> None:
        """Add."""
        await self._connection.run(
            _ADD_SECRET,
            secret.id,
            secret.client_id,
            secret.digest,
            secret.created_at,
            secret.expires_at,
            secret.last_used_at,
        )

    async def expire_secret(self, secret_id: str, at: int) -> None:
        """Let a secret expire at a time, never later than it would have."""
        await self._connection.run(_EXPIRE_SECRET, at, secret_id, at)

    async def touch_secrets(self, used_at: Mapping[str, int]) -> None:
        """Note when secrets were last used; time never runs backwards."""
        for secret_id, at in sorted(used_at.items()):
            await self._connection.run(_TOUCH_SECRET, at, secret_id, at)

    async def disable(self, client_id: str, at: int) -> bool:
        """Disable; ``False`` where there is no such enabled client."""
        return await self._connection.run(_DISABLE, at, client_id) == 1

    async def enable(self, client_id: str) -> bool:
        """Enable; ``False`` where there is no such disabled client."""
        return await self._connection.run(_ENABLE, client_id) == 1

    async def next_generation(self, client_id: str) -> int:
        """Draw the next generation.

        Raises:
            LookupError: there is no such client.
        """
        row = await self._connection.one(_NEXT_GENERATION, client_id)
        if row is None:
            raise LookupError(f"there is no client {client_id!r}")
        generation: int = row[0]
        return generation

    async def sweep(self, limit: int) -> int:
        """Remove secrets that expired long ago."""
        return await self._connection.run(
            _SWEEP, self._connection.now - EXPIRED_SECRET_KEPT_SECONDS, limit
        )


def _age(secret: ClientSecret) -> tuple[int, bool, str]:
    return secret.created_at, secret.expires_at is None, secret.id


def _client(row: Row) -> Client:
    return Client(
        client_id=row[0],
        client_name=row[1],
        created_at=row[2],
        grant_types=names_from(row[3]),
        scopes=frozenset(names_from(row[4])),
        redirect_uris=names_from(row[5]),
        post_logout_redirect_uris=names_from(row[6]),
        public=bool(row[7]),
        generation=row[8],
        disabled_at=row[9],
        access=access_from(row[10]),
        policy=client_policy_from(row[11]),
        jwks=row[12],
        exchange_rights=exchange_rights_from(row[13]),
        backchannel_logout_uri=row[14],
        backchannel_logout_session_required=bool(row[15]),
    )
