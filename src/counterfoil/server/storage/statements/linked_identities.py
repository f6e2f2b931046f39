"""Whom providers know, and the sessions that they began."""

from typing import Final

from counterfoil.server.records.linked_identity import LinkedIdentity, UpstreamSession
from counterfoil.server.storage.connection import Connection, Row

_ADD: Final = """
INSERT INTO linked_identities (id, provider_id, issuer, subject, user_id, label, linked_at,
    last_used_at, sealed_tokens)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, provider_id, issuer, subject, user_id, label, linked_at, last_used_at, sealed_tokens
FROM linked_identities"""
_FIND: Final = f"{_SELECT} WHERE id = ?"
_FIND_BY_SUBJECT: Final = f"{_SELECT} WHERE provider_id = ? AND issuer = ? AND subject = ?"
_OF_USER: Final = f"{_SELECT} WHERE user_id = ? ORDER BY linked_at, id"
_COUNT: Final = "SELECT count(*) FROM linked_identities WHERE provider_id = ?"
_USE: Final = "UPDATE linked_identities SET label = ?, last_used_at = ? WHERE id = ?"
_KEEP: Final = """
UPDATE linked_identities SET sealed_tokens = ?, refreshing_until = 0
WHERE id = ? AND sealed_tokens = ?
"""
_KEEP_FIRST: Final = """
UPDATE linked_identities SET sealed_tokens = ?, refreshing_until = 0
WHERE id = ? AND sealed_tokens IS NULL
"""
_BEGIN_REFRESH: Final = """
UPDATE linked_identities SET refreshing_until = ?
WHERE id = ? AND sealed_tokens = ? AND refreshing_until <= ?
"""
_LEAVE_REFRESH: Final = """
UPDATE linked_identities SET refreshing_until = 0 WHERE id = ? AND sealed_tokens = ?
"""
_FORGET: Final = """
UPDATE linked_identities SET sealed_tokens = NULL
WHERE provider_id = ? AND sealed_tokens IS NOT NULL
"""
_FORGET_OF: Final = """
UPDATE linked_identities SET sealed_tokens = NULL WHERE id = ? AND sealed_tokens = ?
"""
_REMOVE_SESSIONS: Final = "DELETE FROM upstream_sessions WHERE identity_id = ?"
_REMOVE: Final = "DELETE FROM linked_identities WHERE id = ?"
_NOTE_SESSION: Final = """
INSERT INTO upstream_sessions (session_id, identity_id, sid, expires_at) VALUES (?, ?, ?, ?)
ON CONFLICT (session_id) DO UPDATE SET identity_id = excluded.identity_id, sid = excluded.sid,
    expires_at = excluded.expires_at
"""
_SESSION: Final = """
SELECT session_id, identity_id, sid, expires_at FROM upstream_sessions
WHERE session_id = ? AND expires_at > ?
"""
_SESSIONS_OF: Final = """
SELECT session_id, identity_id, sid, expires_at FROM upstream_sessions
WHERE identity_id = ? AND expires_at > ?
"""
_SESSIONS_NAMED: Final = """
SELECT session_id, identity_id, sid, expires_at FROM upstream_sessions
WHERE sid = ? AND sid <> '' AND expires_at > ? AND identity_id IN (
    SELECT id FROM linked_identities WHERE provider_id = ? AND issuer = ?)
"""
_SWEEP: Final = """
DELETE FROM upstream_sessions WHERE session_id IN (
    SELECT session_id FROM upstream_sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
"""


class LinkedIdentityStatements:
    """Keeps the promises of ``LinkedIdentities``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, identity: LinkedIdentity) -> None:
        """Add; raises ``Conflict`` where the subject is linked already."""
        await self._connection.run(
            _ADD,
            identity.id,
            identity.provider_id,
            identity.issuer,
            identity.subject,
            identity.user_id,
            identity.label,
            identity.linked_at,
            identity.last_used_at,
            identity.sealed_tokens,
        )

    async def find(self, identity_id: str) -> LinkedIdentity | None:
        """Look up by our own name for it."""
        row = await self._connection.one(_FIND, identity_id)
        return _identity(row) if row else None

    async def find_by_subject(
        self, provider_id: str, issuer: str, subject: str
    ) -> LinkedIdentity | None:
        """Look up by the provider's name for them."""
        row = await self._connection.one(_FIND_BY_SUBJECT, provider_id, issuer, subject)
        return _identity(row) if row else None

    async def of_user(self, user_id: str) -> list[LinkedIdentity]:
        """All of a person, the oldest first."""
        return [_identity(row) for row in await self._connection.all(_OF_USER, user_id)]

    async def count_of(self, provider_id: str) -> int:
        """How many are linked by a provider."""
        row = await self._connection.one(_COUNT, provider_id)
        return int(row[0]) if row else 0

    async def use(self, identity_id: str, label: str, at: int) -> bool:
        """Note a sign-in; ``False`` where it is linked no more."""
        return await self._connection.run(_USE, label, at, identity_id) == 1

    async def keep_tokens(self, identity_id: str, before: bytes | None, sealed: bytes) -> bool:
        """Keep tokens in place of ``before``; ``False``: others stand there."""
        if before is None:
            return await self._connection.run(_KEEP_FIRST, sealed, identity_id) == 1
        return await self._connection.run(_KEEP, sealed, identity_id, before) == 1

    async def begin_refresh(self, identity_id: str, before: bytes, until: int) -> bool:
        """Say that tokens are being refreshed; ``False``: others stand there, or somebody is."""
        values = until, identity_id, before, self._connection.now
        return await self._connection.run(_BEGIN_REFRESH, *values) == 1

    async def leave_refresh(self, identity_id: str, before: bytes) -> None:
        """Say that tokens are not being refreshed any more."""
        await self._connection.run(_LEAVE_REFRESH, identity_id, before)

    async def forget_tokens(self, provider_id: str) -> int:
        """Keep no tokens of a provider any more; says of how many identities."""
        return await self._connection.run(_FORGET, provider_id)

    async def forget_tokens_of(self, identity_id: str, before: bytes) -> bool:
        """Keep no tokens of one any more; ``False``: others stand there."""
        return await self._connection.run(_FORGET_OF, identity_id, before) == 1

    async def remove(self, identity_id: str) -> bool:
        """Unlink; ``False`` where it was unlinked already."""
        await self._connection.run(_REMOVE_SESSIONS, identity_id)
        return await self._connection.run(_REMOVE, identity_id) == 1

    async def note_session(self, session: UpstreamSession) -> None:
        """Say that a session was begun so; what was said of it before counts no more."""
        await self._connection.run(
            _NOTE_SESSION, session.session_id, session.identity_id, session.sid, session.expires_at
        )

    async def session(self, session_id: str) -> UpstreamSession | None:
        """Say how a session was begun, if at a provider."""
        row = await self._connection.one(_SESSION, session_id, self._connection.now)
        return UpstreamSession(*row) if row else None

    async def sessions_of(self, identity_id: str) -> list[UpstreamSession]:
        """All that were begun by an identity and have not expired."""
        rows = await self._connection.all(_SESSIONS_OF, identity_id, self._connection.now)
        return [UpstreamSession(*row) for row in rows]

    async def sessions_named(
        self, provider_id: str, issuer: str, sid: str
    ) -> list[UpstreamSession]:
        """All that have a name at an issuer and have not expired."""
        values = sid, self._connection.now, provider_id, issuer
        rows = await self._connection.all(_SESSIONS_NAMED, *values)
        return [UpstreamSession(*row) for row in rows]

    async def sweep(self, limit: int) -> int:
        """Remove what is said of sessions that have expired."""
        return await self._connection.run(_SWEEP, self._connection.now, limit)


def _identity(row: Row) -> LinkedIdentity:
    return LinkedIdentity(
        id=row[0],
        provider_id=row[1],
        issuer=row[2],
        subject=row[3],
        user_id=row[4],
        label=row[5],
        linked_at=row[6],
        last_used_at=row[7],
        sealed_tokens=row[8],
    )
