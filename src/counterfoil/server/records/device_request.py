"""What a device asks that has no browser, until a person has answered (RFC 8628 §3.2)."""

from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.server.records.session import Origin

KEPT_SECONDS: Final = 300
"""So long an expired request is still known, so that the device is told that it expired."""
LONGEST_INTERVAL: Final = 60
"""Seconds between two polls, however often a device came too early."""


class DeviceState(StrEnum):
    """What became of a request. It is decided once."""

    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"


class DeviceRequest(Struct, frozen=True, kw_only=True):
    """A request by the SHA-256 of its device code. Times in seconds since the epoch.

    ``user_code`` is the keyed digest of what the person types. ``poll_interval`` is how long the
    device waits between two polls; ``hurried``: it has just come too early. Once it is allowed, an
    ``Authorization`` of the same digest is what the device exchanges.
    """

    digest: bytes
    user_code: bytes
    client_id: str
    access: Access
    origin: Origin
    created_at: int
    expires_at: int
    poll_interval: int
    dpop_jkt: str | None = None
    state: DeviceState = DeviceState.PENDING
    hurried: bool = False


class DeviceRequests(Protocol):
    """Requests of devices, by the digests of their two codes."""

    async def add(self, request: DeviceRequest) -> bool:
        """Add; ``False`` where one of the codes is another's already."""

    async def are_full(self, most: int) -> bool:
        """Whether there are so many, expired ones that were not swept yet among them."""

    async def poll(self, digest: bytes, client_id: str, now: int) -> DeviceRequest | None:
        """Note that a client asks for its request: one statement, so that no poll is missed.

        Whoever comes before its interval has passed is ``hurried``, and waits for 5 s longer each
        time from then on (§3.5). ``None`` where the client has no such request.
        """

    async def find_by_user_code(self, user_code: bytes) -> DeviceRequest | None:
        """Look up, decided or not, expired or not."""

    async def decide(self, digest: bytes, state: DeviceState, now: int) -> bool:
        """Decide a pending, unexpired request: one statement, so that nothing is decided twice."""
