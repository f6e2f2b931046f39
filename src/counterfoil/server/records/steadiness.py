"""Whether a clock is to be trusted: one that has just leapt may be wrong."""

from typing import Final

LEAP_SECONDS: Final = 60
"""By which a clock may differ from one that only counts, between two rounds."""
HOLD_SECONDS: Final = 3600
"""For which nothing is done after the clock has leapt: so long somebody has to set it right."""


class Steadiness:
    """Says whether a clock goes on as one does, or was set; a wrong one must remove nothing.

    What was swept because a clock was wrong for a minute is missed when it is right again: an
    ended token would live, a used proof be good. Times are in seconds; ``counted`` only counts.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None
        self._holds_until = 0.0

    def leapt(self, clock: float, counted: float) -> float:
        """Look at both; gives by how much the clock has leapt since the last look, or 0."""
        before, self._ahead = self._ahead, clock - counted
        leap = 0.0 if before is None else self._ahead - before
        if abs(leap) <= LEAP_SECONDS:
            return 0.0
        self._holds_until = counted + HOLD_SECONDS
        return leap

    def agrees(self, clock: float, counted: float) -> bool:
        """Whether the clock has gone on as one does since it was last looked at."""
        return self._ahead is None or abs(clock - counted - self._ahead) <= LEAP_SECONDS

    def trusts(self, clock: float, counted: float) -> bool:
        """Look at both; says whether what has expired by this clock may go."""
        self.leapt(clock, counted)
        return not self.holds(counted)

    def holds(self, counted: float) -> bool:
        """Whether the clock has leapt so lately that it may be wrong."""
        return counted < self._holds_until
