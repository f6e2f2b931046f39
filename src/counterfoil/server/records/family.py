"""A family: what hangs under one authorization; one row however often it is refreshed.

A refresh token is ``prefix . family . generation . random . MAC`` (OAuth 2.1 §4.3, RFC 9700 §4.14).
"""

import hmac
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.acr import PASSWORD
from counterfoil.oauth.binding import UNBOUND, Binding
from counterfoil.server.records.session import Origin

SKEW: Final = 60
"""Seconds that a notice outlives the last token it concerns."""


class Life(Struct, frozen=True):
    """How long refreshing goes on: since the last use, and since the sign-in. In seconds."""

    idle: int
    absolute: int


class Family(Struct, frozen=True, kw_only=True):
    """One authorization's tokens. ``id`` is the handle in its access tokens. Times in seconds.

    ``refresh_digest`` is the SHA-256 of the current refresh token, ``refresh_generation`` its
    number; ``rotated_at`` is when it replaced its predecessor. ``access_expires_at`` is when the
    last access token issued under the family expires: so long its notice must live.
    ``sealed_successor`` is the current refresh token while it is unused, sealed under its
    predecessor.
    """

    id: str
    grant_id: str
    client_id: str
    user_id: str
    session_id: str | None
    access: Access
    auth_time: int
    created_at: int
    last_used_at: int
    access_expires_at: int
    origin: Origin
    amr: tuple[str, ...] = (PASSWORD,)
    binding: Binding = UNBOUND
    refresh_generation: int = 0
    refresh_digest: bytes | None = None
    refresh_expires_at: int = 0
    absolute_expires_at: int = 0
    rotated_at: int = 0
    ended_at: int | None = None
    ended_why: str = ""
    sealed_successor: bytes | None = None

    @property
    def is_offline(self) -> bool:
        """Whether the family outlives the session in which it was made."""
        return self.session_id is None

    def is_live(self, now: int) -> bool:
        """Whether any of its tokens may still stand."""
        return self.ended_at is None and now < max(self.access_expires_at, self.refresh_expires_at)


class Presented(Enum):
    """What a refresh token that is ours turns out to be."""

    FRESH = "fresh"
    REPEATED = "repeated"
    REUSED = "reused"
    EXPIRED = "expired"


def judge(family: Family, generation: int, digest: bytes, window: int, now: int) -> Presented:
    """Judge a refresh token with a right MAC. ``window`` is in seconds.

    The predecessor may be repeated inside the window while its successor is unused: a lost
    answer is not an attack. Anything older, or a forged current one, is reuse. So is a forged
    predecessor: the true one is known by its opening ``sealed_successor``.
    """
    if family.ended_at is not None or now >= family.refresh_expires_at:
        return Presented.EXPIRED
    is_current = hmac.compare_digest(digest, family.refresh_digest or b"")
    if generation == family.refresh_generation and is_current:
        return Presented.FRESH
    is_last = generation == family.refresh_generation - 1 and family.sealed_successor is not None
    if is_last and now < family.rotated_at + window:
        return Presented.REPEATED
    return Presented.REUSED


class Families(Protocol):
    """Families of tokens. An ended family never comes back."""

    async def add(self, family: Family) -> None: ...
    async def find(self, family_id: str) -> Family | None: ...
    async def rotate(self, rotated: Family, from_generation: int) -> bool:
        """Store the new refresh token, times and origin of a family, in one statement.

        ``False`` where the family is ended or its generation is no longer ``from_generation``:
        someone was faster.
        """

    async def prolong(self, family_id: str, generation: int, access_expires_at: int) -> bool:
        """Record until when an access token lives that is issued under a family; never shorter.

        ``False`` where the family is ended or its generation is no longer ``generation``.
        """

    async def clip(self, client_id: str, life: Life, *, offline: bool) -> int:
        """Let no refresh token of a client, offline or online, live longer than this.

        Gives how many were shortened.
        """

    async def shorten(self, family_id: str, refresh_expires_at: int) -> None:
        """Let the refresh token of a family expire at a time, never later than it would have."""

    async def page(self, after: str, limit: int) -> list[Family]:
        """At most so many with a greater id, ended or not, by id."""

    async def live_of_grant(self, grant_id: str) -> list[Family]: ...
    async def live_of_session(self, session_id: str) -> list[Family]: ...
    async def live_of_user(self, user_id: str) -> list[Family]: ...
    async def count_of_client(self, client_id: str) -> int:
        """How many of a client are live."""

    async def end_of_client(self, client_id: str, at: int, why: str) -> int:
        """End all live ones of a client in one statement; says how many."""

    async def end(self, family_id: str, at: int, why: str) -> bool:
        """End; ``False`` where it was ended already or never was."""
