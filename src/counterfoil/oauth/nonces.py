"""Nonces for DPoP proofs that nobody has to remember: a MAC over the time (RFC 9449 §8, §9)."""

import hmac
from base64 import urlsafe_b64encode
from typing import Final

STEP: Final = 120
"""Seconds after which the nonce changes; one is good for twice that at most."""
KEY_BYTES: Final = 32
_BYTES: Final = 16


class Nonces:
    """Issues and knows nonces under one key. All who hold the key agree, without a word.

    A nonce is bound to nothing but the time: it shows that a proof was made after it was issued.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"a key for nonces has {KEY_BYTES} bytes at least")
        self._key = key

    def current(self, now: float) -> str:
        """Give the nonce of this time, in seconds since the epoch."""
        return self._of(int(now // STEP))

    def knows(self, unverified: str | None, now: float) -> bool:
        """Whether this nonce was issued lately; one of the next step is by a clock ahead."""
        if unverified is None:
            return False
        given, step = unverified.encode("utf-8", "replace"), int(now // STEP)
        known = [self._of(each).encode("ascii") for each in (step, step - 1, step + 1)]
        return any(hmac.compare_digest(given, each) for each in known)

    def _of(self, step: int) -> str:
        mac = hmac.digest(self._key, f"DPoP nonce {step}".encode("ascii"), "sha256")
        return urlsafe_b64encode(mac[:_BYTES]).rstrip(b"=").decode("ascii")

    def __repr__(self) -> str:
        return "Nonces(…)"
