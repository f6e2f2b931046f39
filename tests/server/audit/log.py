"""A log to walk: entries in memory, and the ways in which somebody might tamper with one."""

from typing import Any

from msgspec.structs import replace

from counterfoil.server.audit.walk import Fault, Walk
from counterfoil.server.records.audit import BEGINNING, Entry, Point, Segment, entry_of
from counterfoil.server.records.event import Event, EventKind

NOW = 1_800_000_000


def event(number: int, **fields: Any) -> Event:
    whole = Event(
        kind=EventKind.FAMILY_ENDED,
        at=NOW + number,
        actor=f"user:person-{number % 3}",
        subject=f"family-{number}",
        proof="session:s",
        address="192.0.2.1",
        user_agent="Firefox",
        detail={"user_id": f"person-{number % 3}", "why": "asked"},
    )
    return replace(whole, **fields)


def log(count: int, start: Point = BEGINNING) -> list[Entry]:
    entries, last = list[Entry](), start
    for number in range(start.number + 1, start.number + count + 1):
        entries.append(entry_of(event(number), last, lambda size: b"s" * size))
        last = Point(number, entries[-1].digest)
    return entries


def rechained(entries: list[Entry], start: Point = BEGINNING) -> list[Entry]:
    """What somebody who can write everything would make of it: right numbers, right digests."""
    made, last = list[Entry](), start
    for entry in entries:
        line = replace(entry.line, number=last.number + 1)
        digest = line.after(last.digest)
        made.append(replace(entry, line=line, digest=digest))
        last = Point(line.number, digest)
    return made


def segment_of(entries: list[Entry], before: Point = BEGINNING, **fields: Any) -> Segment:
    whole = Segment(
        first_number=entries[0].line.number,
        last_number=entries[-1].line.number,
        digest_before=before.digest,
        last_digest=entries[-1].digest,
        last_at=entries[-1].line.at,
    )
    return replace(whole, **fields)


def walked(entries: list[Entry], start: Point = BEGINNING) -> Walk:
    walk = Walk(start, range(1, 1000))
    for entry in entries:
        walk.take(entry)
    return walk


def named(faults: list[Fault]) -> list[tuple[int, int]]:
    return [(fault.first, fault.last) for fault in faults]
