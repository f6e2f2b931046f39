"""A lease: one process at a time does a piece of housekeeping."""

from msgspec import Struct


class Lease(Struct, frozen=True):
    """``holder`` may act under ``name`` until ``expires_at`` (seconds since the epoch)."""

    name: str
    holder: str
    expires_at: int
