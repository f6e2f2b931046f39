"""The default lifetime of access tokens: one row."""

from typing import Final

from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.storage.connection import Connection

_FIND: Final = "SELECT seconds, generation FROM default_lifetime WHERE one = 1"
_KEEP: Final = """
INSERT INTO default_lifetime (one, seconds, generation) VALUES (1, ?, ?)
ON CONFLICT (one) DO UPDATE SET seconds = excluded.seconds, generation = excluded.generation
"""


class DefaultLifetimeStatements:
    """Keeps the promises of ``DefaultLifetimes``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self) -> DefaultLifetime | None:
        """Give what the server last started with; ``None`` where it never did."""
        row = await self._connection.one(_FIND)
        return DefaultLifetime(*row) if row else None

    async def keep(self, default: DefaultLifetime) -> None:
        """Keep this one from now on."""
        await self._connection.run(_KEEP, default.seconds, default.generation)
