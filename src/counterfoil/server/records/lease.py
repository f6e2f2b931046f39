"""A lease: one process at a time does what must not be done twice."""

from typing import Final

from msgspec import Struct

CARRIER: Final = "carrier"
"""Whoever holds it has the notices carried, to guards of whom the server learns nothing."""


class Lease(Struct, frozen=True):
    """``holder`` may act under ``name`` until ``expires_at`` (seconds since the epoch)."""

    name: str
    holder: str
    expires_at: int
