"""Browsers that are remembered when their session is over (S24)."""

from typing import Final

from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text, origin_from

_ADD: Final = """
INSERT INTO remembered_browsers (id, user_id, digest, before, number, browser, auth_time, amr,
    used_at, expires_at, origin)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, user_id, digest, before, number, browser, auth_time, amr, used_at, expires_at, origin
FROM remembered_browsers"""
_FIND: Final = f"{_SELECT} WHERE id = ? AND expires_at > ?"
_OF_USER: Final = f"{_SELECT} WHERE user_id = ? AND expires_at > ? ORDER BY used_at DESC, id"
_ROTATE: Final = """
UPDATE remembered_browsers SET digest = ?, before = digest, number = ?, used_at = ?,
    expires_at = ?, origin = ?
WHERE id = ? AND digest = ? AND expires_at > ?
"""
_END: Final = "DELETE FROM remembered_browsers WHERE id = ?"
_SWEEP: Final = """
DELETE FROM remembered_browsers WHERE id IN (
    SELECT id FROM remembered_browsers WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
"""


class RememberedBrowserStatements:
    """Keeps the promises of ``RememberedBrowsers``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, remembered: RememberedBrowser) -> None:
        """Add."""
        await self._connection.run(
            _ADD,
            remembered.id,
            remembered.user_id,
            remembered.digest,
            remembered.before,
            remembered.number,
            remembered.browser,
            remembered.auth_time,
            " ".join(remembered.amr),
            remembered.used_at,
            remembered.expires_at,
            json_text(remembered.origin),
        )

    async def find(self, remembered_id: str) -> RememberedBrowser | None:
        """Look up by the public name."""
        row = await self._connection.one(_FIND, remembered_id, self._connection.now)
        return _remembered(row) if row else None

    async def of_user(self, user_id: str) -> list[RememberedBrowser]:
        """All that have not expired, the last used first."""
        rows = await self._connection.all(_OF_USER, user_id, self._connection.now)
        return [_remembered(row) for row in rows]

    async def rotate(self, used: RememberedBrowser) -> bool:
        """Give one its next value in place of ``before``; ``False`` where it has another by now."""
        rotated = await self._connection.run(
            _ROTATE,
            used.digest,
            used.number,
            used.used_at,
            used.expires_at,
            json_text(used.origin),
            used.id,
            used.before,
            self._connection.now,
        )
        return rotated == 1

    async def end(self, remembered_id: str) -> bool:
        """Forget; ``False`` where it was forgotten already or never was."""
        return await self._connection.run(_END, remembered_id) == 1

    async def sweep(self, limit: int) -> int:
        """Remove those that have expired."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)


def _remembered(row: Row) -> RememberedBrowser:
    return RememberedBrowser(
        id=row[0],
        user_id=row[1],
        digest=row[2],
        before=row[3],
        number=row[4],
        browser=row[5],
        auth_time=row[6],
        amr=tuple(row[7].split()),
        used_at=row[8],
        expires_at=row[9],
        origin=origin_from(row[10]),
    )
