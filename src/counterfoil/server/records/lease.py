"""A lease: one process at a time does what must not be done twice."""

from typing import Final, Protocol

from msgspec import Struct

CARRIER: Final = "carrier"
"""Whoever holds it has the notices carried, to guards of whom the server learns nothing."""


class Lease(Struct, frozen=True):
    """``holder`` may act under ``name`` until ``expires_at`` (seconds since the epoch)."""

    name: str
    holder: str
    expires_at: int


class Leases(Protocol):
    """One process at a time."""

    async def take(self, name: str, holder: str, seconds: int) -> bool:
        """Take or keep a lease for so many seconds; ``False`` where another holds it."""

    async def was_held(self, name: str, within: int) -> bool:
        """Whether anybody has held a lease within the last so many seconds."""
