"""DPoP proofs that were used (RFC 9449 §11.1)."""

from typing import Final

from counterfoil.server.storage.connection import Connection

_TAKE: Final = "INSERT INTO proofs (id, until) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
_SWEEP: Final = """
DELETE FROM proofs WHERE id IN (SELECT id FROM proofs WHERE until < ? LIMIT ?)
"""
_SWEPT_AT_A_TAKING: Final = 2


class ProofStatements:
    """Keeps the promises of ``Proofs``.

    Each taking sweeps more than it adds: there is one for every request, so that the table holds
    those of two minutes however busy the server is.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, proof_id: bytes, until: int) -> bool:
        """Use a proof up; ``False`` where it was used before."""
        taken = await self._connection.run(_TAKE, proof_id, until) == 1
        await self.sweep(_SWEPT_AT_A_TAKING)
        return taken

    async def sweep(self, limit: int) -> int:
        """Remove those that no clock would take for timely any more."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)
