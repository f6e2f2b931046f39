"""A family: what hangs under one authorization; one row however often it is refreshed.

A refresh token is ``prefix . family . generation . random . MAC`` (OAuth 2.1 §4.3, RFC 9700 §4.14).
"""

import hmac
from enum import Enum
from typing import Final

from msgspec import Struct

from counterfoil.oauth.access import Access
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
