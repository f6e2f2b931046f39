"""How often something happened: counted without a lock, by threads together."""

from collections.abc import Iterable, Mapping
from itertools import count
from threading import Lock
from types import MappingProxyType

from counterfoil.oauth.reasons import Reason


class Counter:
    """Counts with ``add()``, which is one call of C: no thread can come in between.

    To read is to count once too much, which is taken off again.
    """

    __slots__ = ("_lock", "_reads", "add")

    def __init__(self) -> None:
        self.add = count().__next__
        self._reads = 0
        self._lock = Lock()

    @property
    def value(self) -> int:
        """How often it was counted."""
        with self._lock:
            value = self.add() - self._reads
            self._reads += 1
            return value


class Counts:
    """What one guard counts: checks by whether the token was known, refusals by reason."""

    def __init__(self) -> None:
        self.hits = Counter()
        self.misses = Counter()
        self.refusals: Mapping[Reason, Counter] = MappingProxyType(
            {reason: Counter() for reason in Reason}
        )


class IssuerCounts:
    """What is counted for each issuer: lines to its feed, and questions about tokens."""

    ANSWERS = ("active", "refused", "failed")

    def __init__(self) -> None:
        self.lines = Counter()
        self.introspections = counters(self.ANSWERS)


def counters(names: Iterable[str]) -> Mapping[str, Counter]:
    """Make a counter for each name."""
    return MappingProxyType({name: Counter() for name in names})
