"""Walking the chain of the audit log: what was changed, taken out, put in, cut off. Pure (S111)."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.server.records.audit import BEGINNING, Entry, Point, Segment
from counterfoil.server.records.event import EventKind

PARTS: Final = "parts"
"""The detail of an erasure that tells how many parts it erased."""
_TOLD: Final = msgspec.json.Decoder(dict[str, str])


class Fault(Struct, frozen=True):
    """Something is wrong with the log, from one line to another. The sentence says what."""

    first: int
    last: int
    sentence: str


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
        self.erased = 0
        self._told = 0
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
        self.erased += entry.erased_parts
        self._told += _parts_told(entry)
        self.at = Point(number, entry.digest)
        if number in self._wanted:
            self.passed[number] = entry.digest

    def demand_told_erasures(self) -> None:
        """Demand that the log itself tells of everything that was erased in it."""
        if self.erased > self._told:
            self.faults.append(
                Fault(
                    1,
                    self.at.number,
                    f"{self.erased} personal parts are blank, but erasures of only {self._told} "
                    "are told of.",
                )
            )

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


def _parts_told(entry: Entry) -> int:
    if entry.line.kind != EventKind.PERSONAL_DATA_ERASED:
        return 0
    try:
        return int(_TOLD.decode(entry.line.detail).get(PARTS, "0"))
    except (msgspec.MsgspecError, ValueError):
        return 0
