"""Walking the chain of the audit log: what was changed, taken out, put in, cut off. Pure (S111)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.server.records.audit import BEGINNING, Entry, Point, Segment
from counterfoil.server.records.erased import (
    ABOUT,
    BY,
    ErasedLines,
    Stretch,
    stretches_in,
    stretches_of,
)
from counterfoil.server.records.event import EventKind

_DETAIL: Final = msgspec.json.Decoder(dict[str, str])


class Fault(Struct, frozen=True):
    """Something is wrong with the log, from one line to another. The sentence says what."""

    first: int
    last: int
    sentence: str


class _Told(Struct, frozen=True):
    """What one line tells of: the lines before it that were blanked, part by part."""

    number: int
    by: list[Stretch]
    about: list[Stretch]

    def covers(self, erased: ErasedLines) -> ErasedLines:
        """Give which of these it tells of."""
        return ErasedLines(self._among(self.by, erased.by), self._among(self.about, erased.about))

    def _among(self, stretches: list[Stretch], numbers: frozenset[int]) -> frozenset[int]:
        return frozenset(
            number
            for number in numbers
            if number < self.number and any(first <= number <= last for first, last in stretches)
        )


class Witness(Struct, frozen=True):
    """A point that the chain must pass through, and how we know: a signed head, a segment's end."""

    point: Point
    known_by: str


class Walk:
    """Takes lines in their order from ``start`` on; what is wrong gathers in ``faults``.

    A digest that is not known is empty: the first line is then taken as it is. ``passed`` holds
    the digests at the numbers in ``wanted``.
    """

    def __init__(self, start: Point, wanted: Iterable[int] = ()) -> None:
        self.at = start
        self.faults: list[Fault] = []
        self.passed: dict[int, str] = {start.number: start.digest} if start.digest else {}
        self.first: int | None = None
        self.lines = 0
        self._blank_by: set[int] = set()
        self._blank_about: set[int] = set()
        self.told: list[_Told] = []
        self._wanted = frozenset(wanted)

    def take(self, entry: Entry) -> None:
        """Take the next line that is there."""
        number = entry.line.number
        if number > self.at.number + 1:
            self._miss(number - 1)
        elif number <= self.at.number:
            self._fault(number, f"Line {number} was put in: no line has this number.")
            return
        elif self.at.digest and entry.line.after(self.at.digest) != entry.digest:
            self._fault(number, f"Line {number} was changed: its digest is not that of its text.")
        if entry.belies_its_commitments:
            self._fault(
                number, f"What stands beside line {number} was changed: it was committed to else."
            )
        self.first = self.first or number
        self.lines += 1
        self._blank_by |= entry.erased.by
        self._blank_about |= entry.erased.about
        if entry.line.kind == EventKind.PERSONAL_DATA_ERASED:
            self.told.append(_told_in(entry))
        self.at = Point(number, entry.digest)
        if number in self._wanted:
            self.passed[number] = entry.digest

    @property
    def erased(self) -> ErasedLines:
        """The lines that are blank beside the chain."""
        return ErasedLines(frozenset(self._blank_by), frozenset(self._blank_about))

    def _miss(self, until: int) -> None:
        first = self.at.number + 1
        self.faults.append(Fault(first, until, f"{lines(first, until)} missing."))

    def _fault(self, number: int, sentence: str) -> None:
        self.faults.append(Fault(number, number, sentence))


def beginning_of(first: int | None, segments: Iterable[Segment]) -> Point:
    """Say from where to walk, where ``first`` is the number of the first line that is there.

    A segment that is being dropped has left some of its lines: the first of them is taken as it is.
    """
    dropped = [segment.end for segment in segments if segment.dropped_at is not None]
    end = max(dropped, key=lambda point: point.number, default=BEGINNING)
    return Point(first - 1, "") if first is not None and 1 < first <= end.number else end


def gaps_between(segments: Iterable[Segment]) -> list[Fault]:
    """Find segments that do not join: one begins elsewhere than the one before it ended."""
    faults, end = list[Fault](), BEGINNING
    for segment in segments:
        if segment.before != end:
            sentence = f"The segment from line {segment.first_number} does not join the one before."
            faults.append(Fault(segment.first_number, segment.last_number, sentence))
        end = segment.end
    return faults


def contradicted(
    passed: Mapping[int, str], end: int, witnesses: Iterable[Witness]
) -> tuple[list[Fault], list[Witness]]:
    """Hold witnesses against the chain; give what contradicts, and who could not be heard.

    ``passed`` are digests of the chain by number, ``end`` its last number.
    """
    faults, unheard, agreed = list[Fault](), list[Witness](), 0
    for witness in sorted(witnesses, key=lambda each: each.point.number):
        number, digest = witness.point.number, witness.point.digest
        if number > end:
            sentence = f"{lines(end + 1, number)} missing at the end: {witness.known_by} knew them."
            faults.append(Fault(end + 1, number, sentence))
        elif number not in passed:
            unheard.append(witness)
        elif passed[number] == digest:
            agreed = number
        else:
            first = min(agreed + 1, number)
            sentence = (
                f"{witness.known_by} knew another log: something in lines {first} to {number} was "
                "changed, and the chain after it written anew."
            )
            faults.append(Fault(first, number, sentence))
    return faults, unheard


def lines(first: int, last: int) -> str:
    """Write a stretch of lines with its verb: ``Line 3 is``, ``Lines 3 to 5 are``."""
    return f"Line {first} is" if first == last else f"Lines {first} to {last} are"


def untold(walks: Sequence[Walk]) -> list[Fault]:
    """Find lines that are blank beside the chain though no later line tells of it."""
    erased = ErasedLines()
    for walk in walks:
        erased |= walk.erased
    hidden = erased
    for told in (each for walk in walks for each in walk.told):
        covered = told.covers(hidden)
        hidden = ErasedLines(hidden.by - covered.by, hidden.about - covered.about)
    return [
        Fault(first, last, f"{lines(first, last)} blank beside the chain: no erasure tells of it.")
        for first, last in stretches_of(hidden.by | hidden.about)
    ]


def _told_in(entry: Entry) -> _Told:
    try:
        detail = _DETAIL.decode(entry.line.detail)
    except msgspec.MsgspecError:
        detail = {}
    by, about = (stretches_in(detail.get(name, "")) for name in (BY, ABOUT))
    return _Told(entry.line.number, by, about)
