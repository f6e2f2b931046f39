"""A person who can sign in."""

from typing import Final, Protocol

from msgspec import Struct

ENDED_PASSWORD: Final = "!"
"""What stands for a password that was ended begins with it, and no hash does."""


class User(Struct, frozen=True, kw_only=True):
    """An account. ``id`` is the ``sub`` of tokens: random, never reused, never the e-mail."""

    id: str
    email: str
    created_at: int
    password_hash: str | None = None
    name: str | None = None
    is_admin: bool = False
    disabled_at: int | None = None
    failed_sign_ins: int = 0
    """Since the last successful one."""
    locked_until: int = 0
    email_verified_at: int | None = None
    """When somebody showed last that the address is theirs."""
    language: str = ""
    """What they have chosen to read (RFC 5646); empty: what each of their browsers asks for."""
    endings: int = 0
    """How often half sign-ins of theirs have ended, of which none has a row: with everything, with
    everything but one browser, or with a linked account or passkey by which one may have begun."""
    intrusions: int = 0
    """How often they said that somebody was not them, and had no password to change."""

    @property
    def has_password(self) -> bool:
        """Whether they can sign in by one: it was chosen, and not ended since."""
        return self.password_hash is not None and not self.password_hash.startswith(ENDED_PASSWORD)

    @property
    def email_verified(self) -> bool:
        """Whether whoever has the account was shown to read the mail of its address."""
        return self.email_verified_at is not None

    @property
    def is_enabled(self) -> bool:
        """Whether the person may sign in, and the tokens issued for them are refreshed."""
        return self.disabled_at is None

    def __repr__(self) -> str:
        return f"User(id={self.id!r})"


def normalised_email(email: str) -> str:
    """Give the form under which an e-mail is looked up: trimmed, case folded."""
    return email.strip().casefold()


class Users(Protocol):
    """People. E-mails are unique in their normalised form."""

    async def add(self, user: User) -> None:
        """Add; raises ``Conflict`` where the e-mail is taken."""

    async def find(self, user_id: str) -> User | None: ...
    async def find_by_email(self, email: str) -> User | None:
        """Look up by the normalised form of ``email``."""

    async def every(self) -> list[User]: ...
    async def is_another_administrator_than(self, user_id: str) -> bool:
        """Whether anybody else is an enabled administrator."""

    async def remove(self, user_id: str) -> bool:
        """Remove a person with all that is theirs; ``False`` where there is no such user.

        Events and notices stay: the log is erased in by itself.
        """

    async def rename(self, user_id: str, name: str | None) -> bool:
        """Give another name; ``False`` where it has that one, or there is no such user."""

    async def set_language(self, user_id: str, language: str) -> bool:
        """Choose what they read; ``False`` where it is that, or there is no such user."""

    async def disable(self, user_id: str, at: int) -> bool:
        """Disable; ``False`` where there is no such enabled user."""

    async def enable(self, user_id: str) -> bool:
        """Enable; ``False`` where there is no such disabled user."""

    async def note_ending(self, user_id: str) -> None:
        """Count that half sign-ins of theirs end, with all else or with a way in."""

    async def note_intrusion(self, user_id: str) -> None:
        """Count that they said that somebody was not them."""

    async def set_password(self, user_id: str, password_hash: str) -> bool:
        """Replace the hash of the password; ``False`` where there is no such user."""

    async def change_password(self, user_id: str, proved: str, password_hash: str) -> bool:
        """Replace the hash ``proved`` in one statement; ``False`` where it stands no longer."""

    async def welcome(self, user_id: str, name: str | None, password_hash: str) -> bool:
        """Set the first password and the name; ``False`` where there is a password already."""

    async def verify_email(self, user_id: str, email: str, at: int) -> bool:
        """Note that the address was proved; ``False`` where the account has another one."""

    async def change_email(self, user_id: str, proved: str, email: str, at: int) -> bool:
        """Replace the address ``proved`` by one that was proved, too, in one statement.

        ``False`` where it stands no longer; raises ``Conflict`` where the new one is taken.
        """

    async def note_failure(self, user_id: str, locked_until: int) -> None:
        """Count one more failed sign-in and lock until then."""

    async def note_success(self, user_id: str) -> None:
        """Clear the count of failures and the lock."""
