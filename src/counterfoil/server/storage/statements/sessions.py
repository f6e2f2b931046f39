"""Signed-in browsers."""

from collections.abc import Mapping
from typing import Final

from counterfoil.server.records.session import Session, SessionStyle
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text, origin_from

_ADD: Final = """
INSERT INTO sessions (id, digest, user_id, auth_time, last_used_at, expires_at, origin, ended_at,
    style, cookie_set_at, amr, doubted_at, remembered_id, recalled)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, digest, user_id, auth_time, last_used_at, expires_at, origin, ended_at, style,
    cookie_set_at, amr, told_clients, doubted_at, remembered_id, recalled
FROM sessions"""
FIND: Final = f"{_SELECT} WHERE id = ?"
_FIND_BY_DIGEST: Final = f"{_SELECT} WHERE digest = ?"
_OF_USER: Final = f"{_SELECT} WHERE user_id = ? AND ended_at IS NULL ORDER BY auth_time DESC, id"
_EVERY: Final = f"{_SELECT} WHERE ended_at IS NULL ORDER BY auth_time DESC, id"
_END: Final = "UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
_TOUCH: Final = "UPDATE sessions SET last_used_at = ? WHERE id = ? AND last_used_at < ?"
_NOTE_COOKIE: Final = "UPDATE sessions SET cookie_set_at = ? WHERE id = ? AND cookie_set_at < ?"
_RENEW: Final = """
UPDATE sessions SET digest = ?, auth_time = ?, last_used_at = ?, expires_at = ?, origin = ?,
    style = ?, cookie_set_at = ?, amr = ?, doubted_at = ?, remembered_id = ?, recalled = ?
WHERE id = ? AND ended_at IS NULL
"""
# LIKE would take the _ of a client_id for any letter; replace() reads names as they are.
_LET_BE_TOLD: Final = """
UPDATE sessions SET told_clients = told_clients || ?
WHERE id = ? AND ended_at IS NULL AND replace(told_clients, ?, '') = told_clients
"""
_TELL_NO_MORE: Final = """
UPDATE sessions SET told_clients = replace(told_clients, ?, '') WHERE id = ?
"""
_DOUBT: Final = """
UPDATE sessions SET doubted_at = ? WHERE id = ? AND ended_at IS NULL AND doubted_at IS NULL
"""
_TIE: Final = """
UPDATE sessions SET remembered_id = ? WHERE id = ? AND digest = ? AND ended_at IS NULL
"""
_SWEEP_ENDED: Final = """
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT ?)
"""
_SWEEP_EXPIRED: Final = """
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
"""


class SessionStatements:
    """Keeps the promises of ``Sessions``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, session: Session) -> None:
        """Add."""
        await self._connection.run(
            _ADD,
            session.id,
            session.digest,
            session.user_id,
            session.auth_time,
            session.last_used_at,
            session.expires_at,
            json_text(session.origin),
            session.ended_at,
            session.style.value,
            session.cookie_set_at,
            " ".join(session.amr),
            session.doubted_at,
            session.remembered_id,
            int(session.recalled),
        )

    async def find(self, session_id: str) -> Session | None:
        """Look up by the public name."""
        row = await self._connection.one(FIND, session_id)
        return _session(row) if row else None

    async def find_by_digest(self, digest: bytes) -> Session | None:
        """Look up by the SHA-256 of the cookie's secret."""
        row = await self._connection.one(_FIND_BY_DIGEST, digest)
        return _session(row) if row else None

    async def of_user(self, user_id: str) -> list[Session]:
        """All that have not been ended, newest first."""
        return [_session(row) for row in await self._connection.all(_OF_USER, user_id)]

    async def every(self) -> list[Session]:
        """All that have not been ended, newest first."""
        return [_session(row) for row in await self._connection.all(_EVERY)]

    async def end(self, session_id: str, at: int) -> bool:
        """End; ``False`` where it was ended already or never was."""
        return await self._connection.run(_END, at, session_id) == 1

    async def renew(self, session: Session) -> bool:
        """Give a live session its new digest, sign-in time and expiry; ``False`` if it ended."""
        renewed = await self._connection.run(
            _RENEW,
            session.digest,
            session.auth_time,
            session.last_used_at,
            session.expires_at,
            json_text(session.origin),
            session.style.value,
            session.cookie_set_at,
            " ".join(session.amr),
            session.doubted_at,
            session.remembered_id,
            int(session.recalled),
            session.id,
        )
        return renewed == 1

    async def let_be_told(self, session_id: str, client_id: str) -> None:
        """Note in a live session that this client is told when it ends."""
        name = f" {client_id} "
        await self._connection.run(_LET_BE_TOLD, name, session_id, name)

    async def tell_no_more(self, session_id: str, client_id: str) -> None:
        """Take that back: it has been told."""
        await self._connection.run(_TELL_NO_MORE, f" {client_id} ", session_id)

    async def doubt(self, session_id: str, at: int) -> bool:
        """Have a live session prove anew who it is; ``False`` where it has to already."""
        return await self._connection.run(_DOUBT, at, session_id) == 1

    async def tie(self, session_id: str, digest: bytes, remembered_id: str) -> bool:
        """Say by what the browser of a session is remembered; ``False`` if it ended or changed."""
        return await self._connection.run(_TIE, remembered_id, session_id, digest) == 1

    async def touch(self, used_at: Mapping[str, int]) -> None:
        """Note when sessions were last used; time never runs backwards."""
        for session_id, at in sorted(used_at.items()):
            await self._connection.run(_TOUCH, at, session_id, at)

    async def note_cookies(self, set_at: Mapping[str, int]) -> None:
        """Note when browsers were last given their cookies; time never runs backwards."""
        for session_id, at in sorted(set_at.items()):
            await self._connection.run(_NOTE_COOKIE, at, session_id, at)

    async def sweep(self, limit: int) -> int:
        """Remove ended and expired ones."""
        ended = await self._connection.run(_SWEEP_ENDED, limit)
        now = self._connection.now
        return ended + await self._connection.run(_SWEEP_EXPIRED, now, limit - ended)


def _session(row: Row) -> Session:
    return Session(
        id=row[0],
        digest=row[1],
        user_id=row[2],
        auth_time=row[3],
        last_used_at=row[4],
        expires_at=row[5],
        origin=origin_from(row[6]),
        ended_at=row[7],
        style=SessionStyle(row[8]),
        cookie_set_at=row[9],
        amr=tuple(row[10].split()),
        told_clients=tuple(row[11].split()),
        doubted_at=row[12],
        remembered_id=row[13],
        recalled=bool(row[14]),
    )
