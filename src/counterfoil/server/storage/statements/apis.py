"""Protected APIs."""

from typing import Final

from counterfoil.server.records.api import Api
from counterfoil.server.records.encryption_key import EncryptionKey
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import (
    api_policy_from,
    encryption_keys_from,
    json_text,
    texts_from,
)

_ADD: Final = """
INSERT INTO apis
    (uri, name, created_at, scopes, token_lifetime, generation, policy, encryption_keys)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT uri, name, created_at, scopes, token_lifetime, generation, policy, encryption_keys
FROM apis"""
_FIND: Final = f"{_SELECT} WHERE uri = ?"
_EVERY: Final = f"{_SELECT} ORDER BY created_at, uri"
_UPDATE: Final = """
UPDATE apis SET name = ?, scopes = ?, token_lifetime = ?, policy = ? WHERE uri = ?
"""
_SET_ENCRYPTION_KEYS: Final = "UPDATE apis SET encryption_keys = ? WHERE uri = ?"
_RENAME: Final = "UPDATE apis SET uri = ? WHERE uri = ?"
_NEXT_GENERATION: Final = """
UPDATE apis SET generation = generation + 1 WHERE uri = ? RETURNING generation
"""


class ApiStatements:
    """Keeps the promises of ``Apis``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, api: Api) -> None:
        """Add; raises ``Conflict`` where the identifier is taken."""
        await self._connection.run(
            _ADD,
            api.uri,
            api.name,
            api.created_at,
            json_text(api.scopes),
            api.token_lifetime,
            api.generation,
            json_text(api.policy),
            json_text(api.encryption_keys),
        )

    async def find(self, uri: str) -> Api | None:
        """Look up by resource identifier."""
        row = await self._connection.one(_FIND, uri)
        return _api(row) if row else None

    async def every(self) -> list[Api]:
        """All, oldest first."""
        return [_api(row) for row in await self._connection.all(_EVERY)]

    async def update(self, api: Api) -> bool:
        """Change name, scopes, lifetime and policy; ``False`` where there is no such API."""
        changed = await self._connection.run(
            _UPDATE,
            api.name,
            json_text(api.scopes),
            api.token_lifetime,
            json_text(api.policy),
            api.uri,
        )
        return changed == 1

    async def set_encryption_keys(self, uri: str, keys: tuple[EncryptionKey, ...]) -> None:
        """Keep these keys in place of those before."""
        await self._connection.run(_SET_ENCRYPTION_KEYS, json_text(keys), uri)

    async def rename(self, uri: str, to: str) -> None:
        """Give an API another identifier; raises ``Conflict`` where that is taken."""
        await self._connection.run(_RENAME, to, uri)

    async def next_generation(self, uri: str) -> int:
        """Draw the next generation.

        Raises:
            LookupError: there is no such API.
        """
        row = await self._connection.one(_NEXT_GENERATION, uri)
        if row is None:
            raise LookupError(f"there is no API {uri!r}")
        generation: int = row[0]
        return generation


def _api(row: Row) -> Api:
    return Api(
        uri=row[0],
        name=row[1],
        created_at=row[2],
        scopes=texts_from(row[3]),
        token_lifetime=row[4],
        generation=row[5],
        policy=api_policy_from(row[6]),
        encryption_keys=encryption_keys_from(row[7]),
    )
