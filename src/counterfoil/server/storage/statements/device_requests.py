"""What devices without a browser ask for, by the digests of their codes (RFC 8628 §3.2)."""

from typing import Final

from counterfoil.server.records.device_request import (
    KEPT_SECONDS,
    LONGEST_INTERVAL,
    DeviceRequest,
    DeviceState,
)
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import access_from, json_text, origin_from

_ADD: Final = """
INSERT INTO device_requests (digest, user_code, client_id, access, dpop_jkt, origin, created_at,
    expires_at, state, poll_interval, polled_at, hurried)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)
ON CONFLICT DO NOTHING
"""
_FIND: Final = """
SELECT digest, user_code, client_id, access, dpop_jkt, origin, created_at,
    expires_at, state, poll_interval, hurried
FROM device_requests WHERE user_code = ?
"""
_FULL: Final = "SELECT 1 FROM device_requests LIMIT 1 OFFSET ?"
# Clocks count whole seconds: who waits for the interval may seem to come a second too early.
_POLL: Final = """
UPDATE device_requests SET polled_at = ?,
    hurried = CASE WHEN polled_at > ? - poll_interval + 1 THEN 1 ELSE 0 END,
    poll_interval = CASE
        WHEN polled_at > ? - poll_interval + 1 AND poll_interval < ?
        THEN poll_interval + 5 ELSE poll_interval END
WHERE digest = ? AND client_id = ?
RETURNING digest, user_code, client_id, access, dpop_jkt, origin, created_at,
    expires_at, state, poll_interval, hurried
"""
_DECIDE: Final = """
UPDATE device_requests SET state = ? WHERE digest = ? AND state = 'pending' AND expires_at > ?
"""
_SWEEP: Final = """
DELETE FROM device_requests WHERE digest IN (
    SELECT digest FROM device_requests WHERE expires_at <= ? LIMIT ?)
"""


class DeviceRequestStatements:
    """Keeps the promises of ``DeviceRequests``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, request: DeviceRequest) -> bool:
        """Add; ``False`` where one of the codes is another's already."""
        added = await self._connection.run(
            _ADD,
            request.digest,
            request.user_code,
            request.client_id,
            json_text(request.access),
            request.dpop_jkt,
            json_text(request.origin),
            request.created_at,
            request.expires_at,
            request.state.value,
            request.poll_interval,
        )
        return added == 1

    async def are_full(self, most: int) -> bool:
        """Whether there are so many, expired ones that were not swept yet among them."""
        return await self._connection.one(_FULL, most - 1) is not None

    async def poll(self, digest: bytes, client_id: str, now: int) -> DeviceRequest | None:
        """Note a poll, and whether it came too early, in one statement."""
        row = await self._connection.one(_POLL, now, now, now, LONGEST_INTERVAL, digest, client_id)
        return _request(row) if row else None

    async def find_by_user_code(self, user_code: bytes) -> DeviceRequest | None:
        """Look up, decided or not, expired or not."""
        row = await self._connection.one(_FIND, user_code)
        return _request(row) if row else None

    async def decide(self, digest: bytes, state: DeviceState, now: int) -> bool:
        """Decide a pending, unexpired request in one statement."""
        return await self._connection.run(_DECIDE, state.value, digest, now) == 1

    async def sweep(self, limit: int) -> int:
        """Remove those that expired long enough ago."""
        return await self._connection.run(_SWEEP, self._connection.now - KEPT_SECONDS, limit)


def _request(row: Row) -> DeviceRequest:
    return DeviceRequest(
        digest=row[0],
        user_code=row[1],
        client_id=row[2],
        access=access_from(row[3]),
        dpop_jkt=row[4],
        origin=origin_from(row[5]),
        created_at=row[6],
        expires_at=row[7],
        state=DeviceState(row[8]),
        poll_interval=row[9],
        hurried=bool(row[10]),
    )
