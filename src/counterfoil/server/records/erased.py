"""Which lines of the audit log were blanked beside the chain, and how an erasure tells of them.

So that an erasure that was ordered covers the lines that it names, and no others (S111).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct

BY: Final = "lines_by"
ABOUT: Final = "lines_about"
PARTS: Final = "parts"
_STRETCHES_A_LINE: Final = 200
"""So many stretches one event tells of; more take more events."""
_STRETCH: Final = re.compile(r"([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,17}))?")

Stretch = tuple[int, int]


class ErasedLines(Struct, frozen=True):
    """By number, the lines of which who acted (``by``) or who was concerned was blanked."""

    by: frozenset[int] = frozenset()
    about: frozenset[int] = frozenset()

    @property
    def parts(self) -> int:
        """How many parts that is."""
        return len(self.by) + len(self.about)

    def __or__(self, other: "ErasedLines") -> "ErasedLines":
        return ErasedLines(self.by | other.by, self.about | other.about)

    def details(self) -> Iterator[Mapping[str, str]]:
        """Give the details of the events that tell of it; none where nothing was blanked."""
        for name, numbers in ((BY, self.by), (ABOUT, self.about)):
            every = iter(stretches_of(numbers))
            while some := list(islice(every, _STRETCHES_A_LINE)):
                parts = sum(last - first + 1 for first, last in some)
                yield {PARTS: str(parts), name: ",".join(map(_spelled, some))}


def stretches_of(numbers: Iterable[int]) -> list[Stretch]:
    """Give the stretches of numbers that follow one another, in order."""
    found = list[Stretch]()
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def stretches_in(text: str) -> list[Stretch]:
    """Read stretches back; what is no stretch tells of nothing."""
    found = list[Stretch]()
    for each in text.split(","):
        match = _STRETCH.fullmatch(each)
        if match is not None:
            found.append((int(match[1]), int(match[2] or match[1])))
    return found


def _spelled(stretch: Stretch) -> str:
    first, last = stretch
    return str(first) if first == last else f"{first}-{last}"
