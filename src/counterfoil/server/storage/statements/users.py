"""People."""

from typing import Final

from counterfoil.server.records.user import User, normalised_email
from counterfoil.server.storage.connection import Connection, Row

_ADD: Final = """
INSERT INTO users (id, email, created_at, password_hash, name, is_admin, disabled_at,
    failed_sign_ins, locked_until, email_key, email_verified_at, language, endings, intrusions)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT id, email, created_at, password_hash, name, is_admin, disabled_at,
    failed_sign_ins, locked_until, email_verified_at, language, endings, intrusions
FROM users"""
FIND: Final = f"{_SELECT} WHERE id = ?"
_FIND_BY_EMAIL: Final = f"{_SELECT} WHERE email_key = ?"
_EVERY: Final = f"{_SELECT} ORDER BY created_at, id"
_DISABLE: Final = "UPDATE users SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL"
_ENABLE: Final = "UPDATE users SET disabled_at = NULL WHERE id = ? AND disabled_at IS NOT NULL"
_OTHER_ADMINISTRATOR: Final = """
SELECT 1 FROM users WHERE is_admin = 1 AND disabled_at IS NULL AND id <> ? LIMIT 1
"""
REMOVE: Final = (
    "DELETE FROM action_tokens WHERE user_id = ?",
    "DELETE FROM authenticators WHERE user_id = ?",
    "DELETE FROM recovery_codes WHERE user_id = ?",
    "DELETE FROM factor_failures WHERE user_id = ?",
    "DELETE FROM mailed_codes WHERE user_id = ?",
    "DELETE FROM email_changes WHERE user_id = ?",
    "DELETE FROM habits WHERE user_id = ?",
    "DELETE FROM passkeys WHERE user_id = ?",
    """
DELETE FROM upstream_sessions WHERE identity_id IN (
    SELECT id FROM linked_identities WHERE user_id = ?)
""",
    "DELETE FROM linked_identities WHERE user_id = ?",
    "DELETE FROM remembered_browsers WHERE user_id = ?",
    "DELETE FROM personal_tokens WHERE user_id = ?",
    "DELETE FROM made_for WHERE user_id = ?",
    "DELETE FROM authorizations WHERE grant_id IN (SELECT id FROM grants WHERE user_id = ?)",
    "DELETE FROM families WHERE grant_id IN (SELECT id FROM grants WHERE user_id = ?)",
    "DELETE FROM grants WHERE user_id = ?",
    "DELETE FROM sessions WHERE user_id = ?",
)
"""Every table that says whose its rows are; those come first that refer to others."""
_REMOVE_USER: Final = "DELETE FROM users WHERE id = ?"
_RENAME: Final = "UPDATE users SET name = ? WHERE id = ? AND COALESCE(name, '') <> ?"
_SET_LANGUAGE: Final = "UPDATE users SET language = ? WHERE id = ? AND language <> ?"
_NOTE_ENDING: Final = "UPDATE users SET endings = endings + 1 WHERE id = ?"
_NOTE_INTRUSION: Final = "UPDATE users SET intrusions = intrusions + 1 WHERE id = ?"
_SET_PASSWORD: Final = "UPDATE users SET password_hash = ? WHERE id = ?"
_CHANGE_PASSWORD: Final = "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?"
_WELCOME: Final = """
UPDATE users SET name = ?, password_hash = ? WHERE id = ? AND password_hash IS NULL
"""
_VERIFY_EMAIL: Final = "UPDATE users SET email_verified_at = ? WHERE id = ? AND email = ?"
_CHANGE_EMAIL: Final = """
UPDATE users SET email = ?, email_key = ?, email_verified_at = ? WHERE id = ? AND email = ?
"""
_NOTE_FAILURE: Final = """
UPDATE users SET failed_sign_ins = failed_sign_ins + 1,
    locked_until = CASE WHEN locked_until > ? THEN locked_until ELSE ? END
WHERE id = ?
"""
_NOTE_SUCCESS: Final = """
UPDATE users SET failed_sign_ins = 0, locked_until = 0
WHERE id = ? AND (failed_sign_ins <> 0 OR locked_until <> 0)
"""


class UserStatements:
    """Keeps the promises of ``Users``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, user: User) -> None:
        """Add; raises ``Conflict`` where the e-mail is taken."""
        await self._connection.run(
            _ADD,
            user.id,
            user.email,
            user.created_at,
            user.password_hash,
            user.name,
            user.is_admin,
            user.disabled_at,
            user.failed_sign_ins,
            user.locked_until,
            normalised_email(user.email),
            user.email_verified_at,
            user.language,
            user.endings,
            user.intrusions,
        )

    async def find(self, user_id: str) -> User | None:
        """Look up by ``sub``."""
        row = await self._connection.one(FIND, user_id)
        return _user(row) if row else None

    async def find_by_email(self, email: str) -> User | None:
        """Look up by the normalised form of ``email``."""
        row = await self._connection.one(_FIND_BY_EMAIL, normalised_email(email))
        return _user(row) if row else None

    async def every(self) -> list[User]:
        """All, oldest first."""
        return [_user(row) for row in await self._connection.all(_EVERY)]

    async def is_another_administrator_than(self, user_id: str) -> bool:
        """Whether anybody else is an enabled administrator."""
        return await self._connection.one(_OTHER_ADMINISTRATOR, user_id) is not None

    async def remove(self, user_id: str) -> bool:
        """Remove a person with all that is theirs; ``False`` where there is no such user."""
        for statement in REMOVE:
            await self._connection.run(statement, user_id)
        return await self._connection.run(_REMOVE_USER, user_id) == 1

    async def rename(self, user_id: str, name: str | None) -> bool:
        """Give another name; ``False`` where it has that one, or there is no such user."""
        return await self._connection.run(_RENAME, name, user_id, name or "") == 1

    async def set_language(self, user_id: str, language: str) -> bool:
        """Choose what they read; ``False`` where it is that, or there is no such user."""
        return await self._connection.run(_SET_LANGUAGE, language, user_id, language) == 1

    async def disable(self, user_id: str, at: int) -> bool:
        """Disable; ``False`` where there is no such enabled user."""
        return await self._connection.run(_DISABLE, at, user_id) == 1

    async def enable(self, user_id: str) -> bool:
        """Enable; ``False`` where there is no such disabled user."""
        return await self._connection.run(_ENABLE, user_id) == 1

    async def note_ending(self, user_id: str) -> None:
        """Count that everything of theirs ends, or everything but one browser."""
        await self._connection.run(_NOTE_ENDING, user_id)

    async def note_intrusion(self, user_id: str) -> None:
        """Count that they said that somebody was not them."""
        await self._connection.run(_NOTE_INTRUSION, user_id)

    async def set_password(self, user_id: str, password_hash: str) -> bool:
        """Replace the hash of the password; ``False`` where there is no such user."""
        return await self._connection.run(_SET_PASSWORD, password_hash, user_id) == 1

    async def change_password(self, user_id: str, proved: str, password_hash: str) -> bool:
        """Replace the hash ``proved`` in one statement; ``False`` where it stands no longer."""
        changed = await self._connection.run(_CHANGE_PASSWORD, password_hash, user_id, proved)
        return changed == 1

    async def welcome(self, user_id: str, name: str | None, password_hash: str) -> bool:
        """Set the first password and the name; ``False`` where there is a password already."""
        return await self._connection.run(_WELCOME, name, password_hash, user_id) == 1

    async def verify_email(self, user_id: str, email: str, at: int) -> bool:
        """Note that the address was proved; ``False`` where the account has another one."""
        return await self._connection.run(_VERIFY_EMAIL, at, user_id, email) == 1

    async def change_email(self, user_id: str, proved: str, email: str, at: int) -> bool:
        """Replace the address ``proved`` in one statement; ``Conflict``: the new one is taken."""
        values = email, normalised_email(email), at, user_id, proved
        return await self._connection.run(_CHANGE_EMAIL, *values) == 1

    async def note_failure(self, user_id: str, locked_until: int) -> None:
        """Count one more failed sign-in and lock until then; a lock is never shortened."""
        await self._connection.run(_NOTE_FAILURE, locked_until, locked_until, user_id)

    async def note_success(self, user_id: str) -> None:
        """Clear the count of failures and the lock."""
        await self._connection.run(_NOTE_SUCCESS, user_id)


def _user(row: Row) -> User:
    return User(
        id=row[0],
        email=row[1],
        created_at=row[2],
        password_hash=row[3],
        name=row[4],
        is_admin=bool(row[5]),
        disabled_at=row[6],
        failed_sign_ins=row[7],
        locked_until=row[8],
        email_verified_at=row[9],
        language=row[10],
        endings=row[11],
        intrusions=row[12],
    )
