"""The uses of limited tokens that a guard holds: taken of their issuer, spent here (S54). No I/O.

Nothing is locked, for a fork may come at any moment: to spend a use is to take it off a list, which
is one step of the interpreter. What threads do at once may lose a use, and never makes one.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from msgspec import Struct

MOST: Final = 10_000
"""So many tokens are held at once; of others no more is asked for than what is spent at once."""
REMEMBERED: Final = 1.0
"""Seconds for which it is remembered that a token is used up, as the issuer has said."""


class Unspent(Struct, frozen=True):
    """Uses that nobody needed, by the token and the key under which they were taken."""

    jti: str
    key: str
    count: int


class _Held:
    """What is held of one token: for each use the key of its take. ``touched``: used of late."""

    __slots__ = ("expires_at", "keys", "touched")

    def __init__(self, expires_at: int) -> None:
        self.expires_at = expires_at
        self.keys: list[str] = []
        self.touched = True


class Uses:
    """What one guard holds of the limited tokens of one issuer. Used from any thread.

    ``audience`` is the API of the guard; ``clock`` gives seconds since the epoch.
    """

    def __init__(self, audience: str, clock: Callable[[], float], most: int = MOST) -> None:
        self.audience = audience
        self._clock = clock
        self._most = most
        self._held: dict[str, _Held] = {}
        self._used_up: dict[str, float] = {}

    def __len__(self) -> int:
        return sum(len(held.keys) for held in list(self._held.values()))

    def spend(self, jti: str) -> str:
        """Spend a use that is held; gives the key of its take, or an empty text: none is."""
        held = self._held.get(jti)
        if held is None:
            return ""
        try:
            key = held.keys.pop()
        except IndexError:
            return ""
        held.touched = True
        return key

    def has_room(self, jti: str) -> bool:
        """Whether uses of this token can be held."""
        return jti in self._held or len(self._held) < self._most

    def hold(self, jti: str, expires_at: int, key: str, count: int) -> bool:
        """Hold uses that were taken, or given back by a request that did not need its own.

        ``False``: there is no room for them.
        """
        if not self.has_room(jti):
            return False
        held = self._held.get(jti) or self._held.setdefault(jti, _Held(expires_at))
        held.touched = True
        held.keys.extend([key] * count)
        return True

    def say_used_up(self, jti: str) -> None:
        """Remember for a moment that the issuer has said so."""
        if len(self._used_up) >= self._most:
            self._used_up = {}
        self._used_up[jti] = self._clock() + REMEMBERED

    def is_used_up(self, jti: str) -> bool:
        """Whether the issuer has said just now that nothing is left."""
        until = self._used_up.get(jti)
        # A clock that was set back must not make a moment of it that lasts for hours.
        return until is not None and until - REMEMBERED <= self._clock() < until

    def idle(self) -> list[Unspent]:
        """Let go of what was not touched since this was last asked; expired ones just go."""
        now, unspent = self._clock(), list[Unspent]()
        for jti, held in list(self._held.items()):
            if now >= held.expires_at:
                self._held.pop(jti, None)
            elif not held.touched:
                self._held.pop(jti, None)
                unspent += _emptied(jti, held)
            held.touched = False
        self._used_up = {jti: until for jti, until in self._used_up.copy().items() if until > now}
        return unspent

    def all(self) -> list[Unspent]:
        """Let go of everything."""
        held, self._held = self._held, {}
        return [each for jti, one in list(held.items()) for each in _emptied(jti, one)]

    def leave_to_parent(self) -> None:
        """Begin anew in a child after a fork: what was held before that, the parent spends."""
        self._held, self._used_up = {}, {}


def _emptied(jti: str, held: _Held) -> list[Unspent]:
    """Take every use off the list, one by one: others may still be at it."""
    keys: Counter[str] = Counter()
    while True:
        try:
            keys[held.keys.pop()] += 1
        except IndexError:
            return [Unspent(jti, key, count) for key, count in keys.items()]
