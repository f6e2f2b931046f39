"""A session: one browser of a person, signed in at the server."""

from enum import StrEnum

from msgspec import Struct


class SessionStyle(StrEnum):
    """How long the sign-in stays in the browser (S34)."""

    SESSION = "session"
    """Until the browser is closed."""
    SLIDING = "sliding"
    """Until it was not used for a while."""
    PERSISTENT = "persistent"
    """Until a fixed hour."""


class Origin(Struct, frozen=True):
    """From where a request came: address as text, and the browser's own name for itself."""

    address: str = ""
    user_agent: str = ""


class Session(Struct, frozen=True, kw_only=True):
    """A signed-in browser, by the SHA-256 of the secret in its cookie. Times in seconds.

    ``id`` is public (``sid`` of ID tokens, URLs of the account page); ``digest`` is not.
    """

    id: str
    digest: bytes
    user_id: str
    auth_time: int
    last_used_at: int
    expires_at: int
    origin: Origin
    ended_at: int | None = None
    style: SessionStyle = SessionStyle.SLIDING

    def is_live(self, now: int, idle_limit: int) -> bool:
        """Whether it stands, at ``now``, with ``idle_limit`` seconds without use allowed."""
        return (
            self.ended_at is None and now < self.expires_at and now < self.last_used_at + idle_limit
        )
