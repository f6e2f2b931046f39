"""Who waits for a turn at the database: so many at most, what is urgent first. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from msgspec import Struct

from counterfoil.server.records.failures import Overloaded

T = TypeVar("T")

URGENT_IN_A_ROW: Final = 3
"""Then one of the others is let in, so that whoever asks for urgent things stops nobody."""


class Bounds(Struct, frozen=True):
    """How many may wait in each of the two lines, and for how many seconds."""

    most: int = 1_024
    seconds: float = 10.0


BOUNDS: Final = Bounds()
"""Unless somebody says otherwise."""


class BoundedQueue(Generic[T]):
    """Two lines in front of one door. Times are in seconds, come from the caller and never sink."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._urgent: deque[tuple[float, T]] = deque()
        self._others: deque[tuple[float, T]] = deque()
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    @property
    def has_urgent(self) -> bool:
        """Whether anybody waits who goes first."""
        return bool(self._urgent)

    @property
    def due(self) -> float | None:
        """When the first of those who wait now will have waited for too long."""
        fronts = [line[0][0] for line in (self._urgent, self._others) if line]
        return min(fronts) + self.bounds.seconds if fronts else None

    def join(self, item: T, now: float, *, urgent: bool = False) -> None:
        """Take the last place of a line.

        Raises:
            Overloaded: as many wait in it as may.
        """
        line = self._urgent if urgent else self._others
        if len(line) >= self.bounds.most:
            raise Overloaded("as many as may wait for a turn at the database")
        line.append((now, item))

    def pop(self) -> T:
        """Give whose turn it is; there must be somebody."""
        if self._urgent and (self._in_a_row < URGENT_IN_A_ROW or not self._others):
            self._in_a_row += 1
            return self._urgent.popleft()[1]
        self._in_a_row = 0
        return self._others.popleft()[1]

    def stale(self, now: float) -> Iterator[T]:
        """Take out, and give, those that have waited for too long."""
        for line in (self._urgent, self._others):
            while line and line[0][0] + self.bounds.seconds <= now:  # as ``due`` reckons
                yield line.popleft()[1]

    def clear(self) -> Iterator[T]:
        """Take out, and give, all of them."""
        while self:
            yield self.pop()
