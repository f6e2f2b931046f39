"""HMAC with SHA-256, for many messages under one key (RFC 2104)."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC


class Mac:
    """A key, and what every message begins with, taken in once. Threads may share it.

    With each message anew, that costs more than the message itself where it is short.
    """

    __slots__ = ("_begun",)

    def __init__(self, key: bytes, beginning: bytes = b"") -> None:
        self._begun = HMAC(key, SHA256())
        self._begun.update(beginning)

    def of(self, rest: bytes) -> bytes:
        """Give the 32 bytes for a message, of which this is what comes after the beginning."""
        mac = self._begun.copy()
        mac.update(rest)
        return mac.finalize()
