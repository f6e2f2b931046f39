"""What a guard knows of the tokens that an issuer has written down (S43). No I/O, no clock.

Nothing rests on having heard everything: a digest that is not here is asked about, not refused.
"""

from collections.abc import Iterable
from typing import Final

from counterfoil.oauth.registry import Entry

MOST: Final = 250_000
"""How many digests are kept, some 50 MB; beyond it the oldest are forgotten, and asked about."""
FORGET_EVERY: Final = 30.0


class Registry:
    """Digests of an API's tokens until they expire. Only the follower writes; checks only read."""

    def __init__(self, audience: str, most: int = MOST) -> None:
        self.audience = audience
        self.cursor = ""
        self._most = most
        self._expiries: dict[bytes, int] = {}
        self._forgot_at = 0.0

    def __len__(self) -> int:
        return len(self._expiries)

    def knows(self, digest: bytes) -> bool:
        """Whether the issuer said that it issued this token."""
        return digest in self._expiries

    def learn(self, entries: Iterable[Entry], now: float) -> None:
        """Take in what the issuer says. ``now`` in seconds since the epoch."""
        expiries = self._expiries
        for entry in entries:
            if entry.expires_at > now:
                expiries[entry.digest] = entry.expires_at
        if now >= self._forgot_at + FORGET_EVERY or len(expiries) > self._most:
            self._forget(now)

    def _forget(self, now: float) -> None:
        expiries = self._expiries
        for digest in [digest for digest, expiry in expiries.items() if expiry <= now]:
            del expiries[digest]
        if len(expiries) > self._most:
            # Some more than must be, so that this is seldom done.
            for digest in list(expiries)[: len(expiries) - self._most * 9 // 10]:
                del expiries[digest]
        self._forgot_at = now
