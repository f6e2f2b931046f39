"""Verifying the audit log: the database, its files, and what signed heads know of it (S111)."""

from collections.abc import Container, Iterable, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Final

from msgspec import Struct

from counterfoil.server.audit import files
from counterfoil.server.audit.walk import (
    Fault,
    Walk,
    Witness,
    beginning_of,
    contradicted,
    gaps_between,
    lines,
    untold,
)
from counterfoil.server.records.audit import Point, Segment
from counterfoil.server.records.store import Transaction

_PAGE: Final = 500
_FIRST: Final = -(2**63)


class Verification(Struct, frozen=True, kw_only=True):
    """What was found. ``unheard`` witnesses speak of lines that are neither here nor in a file.

    ``unseen`` are dropped segments of which no file was asked for.
    """

    lines: int
    first: int
    end: Point
    erased_parts: int
    files: int
    heads: int
    unheard: tuple[str, ...]
    unseen: tuple[str, ...]
    faults: tuple[Fault, ...]


async def verify(tx: Transaction, heads: Sequence[Witness], paths: Sequence[Path]) -> Verification:
    """Walk the whole log as it stands now, and every file; hold all witnesses against them.

    Raises:
        OSError: a file cannot be read.
    """
    segments = await tx.segments.every()
    ends = [_end_of(segment) for segment in segments]
    wanted = {witness.point.number for witness in (*heads, *ends)}
    walked = await _walk(tx, segments, wanted)
    of_files = [files.walk(path, segments, wanted) for path in paths]
    passed = dict(walked.passed)
    for each in of_files:
        passed = each.passed | passed
    end = max(walked.at.number, _end_of_dropped(segments))
    faults, unheard = contradicted(
        passed, end, [*heads, *_still_here(segments, walked.first, ends)]
    )
    elsewhere = _elsewhere(segments, walked.first, {each.at for each in of_files})
    missing = [_missing(segment) for segment in elsewhere] if paths else []
    every = [walked, *of_files]
    return Verification(
        lines=walked.lines,
        first=walked.first or 0,
        end=walked.at,
        erased_parts=reduce(or_, (each.erased for each in every)).parts,
        files=len(of_files),
        heads=len(heads),
        unheard=tuple(f"{each.known_by} (line {each.point.number})" for each in unheard),
        unseen=() if paths else tuple(_stretch(segment) for segment in elsewhere),
        faults=tuple(
            [*gaps_between(segments), *missing]
            + [fault for each in every for fault in each.faults]
            + [*untold(every), *faults]
        ),
    )


async def _walk(tx: Transaction, segments: Sequence[Segment], wanted: Iterable[int]) -> Walk:
    page = await tx.events.entries(_FIRST, _PAGE)
    walked = Walk(beginning_of(page[0].line.number if page else None, segments), wanted)
    while page:
        for entry in page:
            walked.take(entry)
        page = await tx.events.entries(page[-1].line.number, _PAGE)
    return walked


def _end_of(segment: Segment) -> Witness:
    return Witness(segment.end, f"The recorded end of the segment of {_stretch(segment)}")


def _stretch(segment: Segment) -> str:
    return f"lines {segment.first_number} to {segment.last_number}"


def _elsewhere(
    segments: Iterable[Segment], first: int | None, seen: Container[Point]
) -> list[Segment]:
    """Give the dropped segments whose lines are not all here, nor in a file that was walked."""
    return [
        segment
        for segment in segments
        if segment.dropped_at is not None
        and (first is None or first > segment.first_number)
        and segment.end not in seen
    ]


def _missing(segment: Segment) -> Fault:
    first, last = segment.first_number, segment.last_number
    return Fault(first, last, f"{lines(first, last)} missing: the file of them is not here.")


def _end_of_dropped(segments: Iterable[Segment]) -> int:
    return max((each.last_number for each in segments if each.dropped_at is not None), default=0)


def _still_here(
    segments: Sequence[Segment], first: int | None, ends: Sequence[Witness]
) -> Iterable[Witness]:
    """Give the ends of segments whose lines should be in the database."""
    return (
        end
        for segment, end in zip(segments, ends, strict=True)
        if segment.dropped_at is None or segment.last_number >= (first or segment.last_number + 1)
    )
