"""Where guards saw which token, and of which pairs of places was told."""

from typing import Final

from counterfoil.server.records.sighting import SeenToken, Stay
from counterfoil.server.storage.connection import Connection

_OF_TOKEN: Final = """
SELECT place, first_at, last_at, uses FROM sightings
WHERE jti = ? ORDER BY last_at DESC, network
"""
_KEEP: Final = """
INSERT INTO sightings (jti, network, place, first_at, last_at, uses, client_id, family_id,
    kept_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (jti, network) DO UPDATE SET place = excluded.place, first_at = excluded.first_at,
    last_at = excluded.last_at, uses = excluded.uses, kept_until = excluded.kept_until
"""
_FORGET: Final = "DELETE FROM sightings WHERE jti = ? AND network = ?"
_COUNT: Final = "SELECT count(*) FROM sightings WHERE client_id = ? AND family_id = ?"
_TELL: Final = """
INSERT INTO told_places (jti, network, other_network, client_id, family_id, kept_until)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (jti, network, other_network) DO NOTHING
"""
_COUNT_TOLD: Final = "SELECT count(*) FROM told_places WHERE client_id = ? AND family_id = ?"
_SWEEP: Final = """
DELETE FROM sightings WHERE (jti, network) IN (
    SELECT jti, network FROM sightings WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
"""
_SWEEP_TOLD: Final = """
DELETE FROM told_places WHERE (jti, network, other_network) IN (
    SELECT jti, network, other_network FROM told_places
    WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
"""


class SightingStatements:
    """Keeps the promises of ``Sightings``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_token(self, jti: str) -> list[Stay]:
        """The last stay of a token in each place, newest first."""
        return [Stay(*row) for row in await self._connection.all(_OF_TOKEN, jti)]

    async def keep(self, seen: SeenToken) -> None:
        """Keep a stay in the place of the last one in its network."""
        stay = seen.stay
        await self._connection.run(
            _KEEP,
            seen.jti,
            stay.network,
            stay.place,
            stay.first,
            stay.last,
            stay.count,
            seen.client_id,
            seen.family_id,
            seen.stay_kept_until,
        )

    async def forget(self, jti: str, network: str) -> None:
        """Forget a token's stay in a network."""
        await self._connection.run(_FORGET, jti, network)

    async def count(self, client_id: str, family_id: str) -> int:
        """How many stays are kept of a family, or of a client without a person."""
        return await self._counted(_COUNT, client_id, family_id)

    async def tell(self, seen: SeenToken, other: Stay) -> bool:
        """Take a token's pair of places; ``False`` where it was told of before."""
        pair = sorted((seen.stay.network, other.network))
        owner = seen.client_id, seen.family_id
        return await self._connection.run(_TELL, seen.jti, *pair, *owner, seen.kept_until) == 1

    async def count_told(self, client_id: str, family_id: str) -> int:
        """How many pairs of places were told of a family, or of a client without a person."""
        return await self._counted(_COUNT_TOLD, client_id, family_id)

    async def sweep(self, limit: int) -> int:
        """Remove stays and pairs that matter no more."""
        now = self._connection.now
        swept = await self._connection.run(_SWEEP, now, limit)
        return swept + await self._connection.run(_SWEEP_TOLD, now, limit)

    async def _counted(self, sql: str, *values: object) -> int:
        row = await self._connection.one(sql, *values)
        return 0 if row is None else int(row[0])
