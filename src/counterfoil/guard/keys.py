"""The keys of one issuer, held in memory (RFC 7517). The follower writes; checks only read."""

from collections.abc import Iterable, Mapping
from typing import Final

from counterfoil.jose.jwt import Verifier
from counterfoil.jose.keys import KeySet

COOLDOWN: Final = 30.0
"""Seconds between two looks for a key that a token named and that is not here."""
CHANGE_COOLDOWN: Final = 1.0
"""Seconds between two looks that a notice asked for: one that was invented costs no more."""
REFRESH: Final = 300.0
"""Seconds after which keys are fetched again without being asked for."""


class IssuerKeys:
    """A key set, and when to fetch it again.

    ``verifier`` is ``None`` until the first fetch. It stays the same object while the keys stay
    the same, so whoever remembers what it has verified can tell by identity. ``due`` is when to
    fetch next, in seconds since the epoch.
    """

    def __init__(
        self, typ: str | Iterable[str], algorithms: tuple[str, ...], *, max_bytes: int
    ) -> None:
        self.verifier: Verifier | None = None
        self._typ = typ
        self._algorithms = algorithms
        self._max_bytes = max_bytes
        self._last_look = -COOLDOWN
        self.due = 0.0

    def take(self, jwks: Mapping[str, object]) -> None:
        """Hold these keys in place of those before; keys of other algorithms are left out.

        A JWK without ``alg`` counts only where one single algorithm is accepted: nothing but the
        owner's configuration chooses an algorithm (RFC 8725 §3.1).

        Raises:
            JoseError: where this is no key set, or one with private keys.
        """
        single = self._algorithms[0] if len(self._algorithms) == 1 else None
        published = KeySet.from_jwks(jwks, single)
        keys = KeySet(key for key in published.values() if key.algorithm.name in self._algorithms)
        if self.verifier is None or _differ(keys, self.verifier.keys):
            self.verifier = Verifier(keys, self._typ, max_bytes=self._max_bytes)

    def looked(self, now: float, again_in: float = REFRESH) -> None:
        """Note that the keys have just been fetched, or could not be."""
        self._last_look = now
        self.due = now + again_in

    def missed(self, now: float) -> bool:
        """Ask for a fetch because a token names a key that is not here, after the cooldown.

        True where that brings the next fetch forward: whoever waits for it must be woken.
        """
        return self._bring_forward(max(now, self._last_look + COOLDOWN))

    def changed(self, now: float) -> bool:
        """Ask for a fetch because a notice says so: it passes the cooldown."""
        return self._bring_forward(max(now, self._last_look + CHANGE_COOLDOWN))

    def _bring_forward(self, due: float) -> bool:
        if due >= self.due:
            return False
        self.due = due
        return True


def _differ(some: KeySet, others: KeySet) -> bool:
    return some.as_jwks() != others.as_jwks()
