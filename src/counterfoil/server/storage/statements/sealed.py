"""Named values of the installation: sealed server keys, and high-water marks."""

from typing import Final

from counterfoil.server.storage.connection import Connection

_GET: Final = "SELECT value FROM sealed WHERE name = ?"
_PUT: Final = "INSERT INTO sealed (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_REPLACE: Final = "UPDATE sealed SET value = ? WHERE name = ?"
_MARK: Final = "SELECT number FROM marks WHERE name = ?"
_RAISE: Final = """
INSERT INTO marks (name, number) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET number = CASE
    WHEN excluded.number > marks.number THEN excluded.number ELSE marks.number END
RETURNING number
"""


class SealedStatements:
    """Keeps the promises of ``Sealed``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, name: str) -> bytes | None:
        """Give the value, if there is one."""
        row = await self._connection.one(_GET, name)
        return row[0] if row else None

    async def put_if_absent(self, name: str, value: bytes) -> bytes:
        """Store unless there is a value; gives the one that stands."""
        await self._connection.run(_PUT, name, value)
        stands = await self.get(name)
        return value if stands is None else stands

    async def replace(self, name: str, value: bytes) -> None:
        """Store in place of the value that stands."""
        await self._connection.run(_REPLACE, value, name)

    async def raise_to(self, name: str, number: int) -> int:
        """Raise a high-water mark; it never sinks. Gives the one that stands.

        Where it stands as high already nothing is written, so that 0 reads it.
        """
        row = await self._connection.one(_MARK, name)
        stands: int = row[0] if row else 0
        if number <= stands:
            return stands
        row = await self._connection.one(_RAISE, name, number)
        return row[0] if row else number
