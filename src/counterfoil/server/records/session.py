"""A session: one browser of a person, signed in at the server."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from counterfoil.oauth.acr import PASSWORD


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
    ``cookie_set_at`` is when the browser was last given its cookie. ``remembered_id`` is what the
    browser is remembered by, if it is; ``recalled``: that alone began it, on the strength of an
    older sign-in, which ``auth_time`` and ``amr`` are of.
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
    amr: tuple[str, ...] = (PASSWORD,)
    """By which methods the person signed in (RFC 8176)."""
    cookie_set_at: int = 0
    told_clients: tuple[str, ...] = ()
    """Clients that took part in it and want to be told when it ends."""
    doubted_at: int | None = None
    """Since when something was noticed that asks for a sign-in anew; none: nothing was."""
    remembered_id: str = ""
    recalled: bool = False

    def is_live(self, now: int, idle_limit: int) -> bool:
        """Whether it stands, at ``now``, with ``idle_limit`` seconds without use allowed.

        A persistent one ends at its hour, however little it is used.
        """
        if self.ended_at is not None or now >= self.expires_at:
            return False
        return self.style is SessionStyle.PERSISTENT or now < self.last_used_at + idle_limit

    def cookie_lifetime(self, now: int, idle_limit: int) -> int | None:
        """Say for how many seconds the browser keeps the cookie; ``None``: until it is closed."""
        left = self.expires_at - now
        match self.style:
            case SessionStyle.SESSION:
                return None
            case SessionStyle.SLIDING:
                return min(left, idle_limit + _step(idle_limit))
            case SessionStyle.PERSISTENT:
                return left

    def cookie_is_due(self, now: int, idle_limit: int) -> bool:
        """Whether the cookie of a sliding one is to be set anew, now that its browser uses it.

        So it is once a tenth of the idle limit has passed: then no use can be so late after the
        last cookie that the browser forgets it before the server does.
        """
        is_old = now >= self.cookie_set_at + _step(idle_limit)
        return self.style is SessionStyle.SLIDING and is_old


def _step(idle_limit: int) -> int:
    return max(1, idle_limit // 10)


class Sessions(Protocol):
    """Signed-in browsers."""

    async def add(self, session: Session) -> None: ...
    async def find(self, session_id: str) -> Session | None: ...
    async def find_by_digest(self, digest: bytes) -> Session | None: ...
    async def of_user(self, user_id: str) -> list[Session]:
        """All that have not been ended, newest first."""

    async def every(self) -> list[Session]:
        """All that have not been ended, newest first."""

    async def end(self, session_id: str, at: int) -> bool:
        """End; ``False`` where it was ended already or never was."""

    async def renew(self, session: Session) -> bool:
        """Give a live session its new digest, sign-in time and expiry; ``False`` if it ended.

        A doubt of it stands or goes as the renewed one says.
        """

    async def doubt(self, session_id: str, at: int) -> bool:
        """Have a live session prove anew who it is; ``False`` where it has to already."""

    async def let_be_told(self, session_id: str, client_id: str) -> None:
        """Note in a live session that this client is told when it ends."""

    async def tell_no_more(self, session_id: str, client_id: str) -> None:
        """Take that back: it has been told."""

    async def tie(self, session_id: str, digest: bytes, remembered_id: str) -> bool:
        """Say by what the browser of a session is remembered; ``False`` if it ended or changed."""

    async def touch(self, used_at: Mapping[str, int]) -> None:
        """Note when sessions were last used; time never runs backwards."""

    async def note_cookies(self, set_at: Mapping[str, int]) -> None:
        """Note when browsers were last given their cookies; time never runs backwards."""
