"""A person who can sign in."""

from msgspec import Struct


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

    @property
    def is_enabled(self) -> bool:
        """Whether the person may sign in, and the tokens issued for them are refreshed."""
        return self.disabled_at is None

    def __repr__(self) -> str:
        return f"User(id={self.id!r})"


def normalised_email(email: str) -> str:
    """Give the form under which an e-mail is looked up: trimmed, case folded."""
    return email.strip().casefold()
