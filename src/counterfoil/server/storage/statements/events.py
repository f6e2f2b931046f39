"""The audit log: numbered without a gap and chained, inside the transaction that it tells of."""

from collections.abc import Callable
from typing import Final

from counterfoil.server.records.audit import (
    BEGINNING,
    Concerned,
    Doer,
    Entry,
    Line,
    Point,
    entry_of,
    event_of,
)
from counterfoil.server.records.erased import ErasedLines
from counterfoil.server.records.event import Event, EventQuery
from counterfoil.server.storage.connection import Connection, Row

APPEND: Final = """
INSERT INTO events (number, at, kind, actor, subject, proof, detail, by_commitment,
    about_commitment, digest, by_salt, by_person, address, user_agent, about_salt, about_person,
    about_detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT number, at, kind, actor, subject, proof, detail, by_commitment, about_commitment, digest,
    by_salt, by_person, address, user_agent, about_salt, about_person, about_detail
FROM events"""
_AFTER: Final = f"{_SELECT} WHERE number > ? ORDER BY number LIMIT ?"
_LAST: Final = """
SELECT number, digest FROM events WHERE number = (SELECT max(number) FROM events)
"""
_LAST_DROPPED: Final = """
SELECT last_number, last_digest FROM audit_segments
WHERE last_number = (SELECT max(last_number) FROM audit_segments)
"""
# What a client did from an address that may be a person's is theirs, whom it concerned.
_ERASE_BY: Final = """
UPDATE events SET by_salt = NULL, by_person = NULL, address = NULL, user_agent = NULL
WHERE by_person = ? OR (by_person = '' AND about_person = ?)
RETURNING number
"""
_ERASE_ABOUT: Final = """
UPDATE events SET about_salt = NULL, about_person = NULL, about_detail = NULL
WHERE about_person = ?
RETURNING number
"""


class EventStatements:
    """Keeps the promises of ``Events``.

    Number and digest are read from the database each time, never from memory: another process
    may have written meanwhile, and a work that is rolled back takes its lines with it.
    """

    def __init__(self, connection: Connection, random: Callable[[int], bytes]) -> None:
        self._connection = connection
        self._random = random

    async def append(self, event: Event) -> None:
        """Append; the number is given here."""
        entry = entry_of(event, await self.last(), self._random)
        await self._connection.run(APPEND, *values_of(entry))

    async def last(self) -> Point:
        """How far the log reaches."""
        row = await self._connection.one(_LAST)
        row = row or await self._connection.one(_LAST_DROPPED)
        return Point(row[0], row[1]) if row else BEGINNING

    async def latest(self, count: int) -> list[Event]:
        """The newest events, newest first."""
        return await self.find(EventQuery(limit=count))

    async def find(self, query: EventQuery) -> list[Event]:
        """The events that are asked for, newest first."""
        conditions, values = _conditions_of(query)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"{_SELECT}{where} ORDER BY number DESC LIMIT ?"
        rows = await self._connection.all(sql, *values, query.limit)
        return [event_of(_entry(row)) for row in rows]

    async def entries(self, after: int, limit: int) -> list[Entry]:
        """Lines with a greater number, in order, as they stand."""
        return [_entry(row) for row in await self._connection.all(_AFTER, after, limit)]

    async def erase(self, user_id: str) -> ErasedLines:
        """Erase what names or locates a person beside the chain; says of which lines."""
        if not user_id:
            return ErasedLines()
        by = await self._connection.all(_ERASE_BY, user_id, user_id)
        about = await self._connection.all(_ERASE_ABOUT, user_id)
        return ErasedLines(frozenset(n for (n,) in by), frozenset(n for (n,) in about))


def values_of(entry: Entry) -> tuple[object, ...]:
    """Give a line's values in the order of the statement that appends."""
    line, by, about = entry.line, entry.by, entry.about
    return (
        line.number,
        line.at,
        line.kind,
        line.actor,
        line.subject,
        line.proof,
        line.detail,
        line.by,
        line.about,
        entry.digest,
        *((by.salt, by.person, by.address, by.user_agent) if by else (None,) * 4),
        *((about.salt, about.person, about.detail) if about else (None,) * 3),
    )


def _conditions_of(query: EventQuery) -> tuple[list[str], list[object]]:
    asked: list[tuple[str, tuple[object, ...]]] = []
    if query.kind is not None:
        asked.append(("kind = ?", (query.kind.value,)))
    if query.actor is not None and query.actor.startswith("user:"):
        asked.append(("by_person = ?", (query.actor.removeprefix("user:"),)))
    elif query.actor is not None:
        asked.append(("actor = ?", (query.actor,)))
    if query.subject is not None:
        asked.append(("(subject = ? OR about_person = ?)", (query.subject, query.subject)))
    if query.person is not None:
        asked.append(("(by_person = ? OR about_person = ?)", (query.person, query.person)))
    if query.since is not None:
        asked.append(("at >= ?", (query.since,)))
    if query.before is not None:
        asked.append(("number < ?", (query.before,)))
    if query.after is not None:
        asked.append(("number > ?", (query.after,)))
    return [sql for sql, _ in asked], [value for _, values in asked for value in values]


def _entry(row: Row) -> Entry:
    line = Line(
        number=row[0],
        at=row[1],
        kind=row[2],
        actor=row[3],
        subject=row[4],
        proof=row[5],
        detail=row[6],
        by=row[7],
        about=row[8],
    )
    return Entry(line, row[9], _doer(row[10:14]), _concerned(row[14:17]))


def _doer(row: Row) -> Doer | None:
    """Give what stands beside the line. A field that stands alone belies its commitment."""
    if row == (None,) * 4:
        return None
    return Doer(row[0] or b"", row[1] or "", row[2] or "", row[3] or "")


def _concerned(row: Row) -> Concerned | None:
    if row == (None,) * 3:
        return None
    return Concerned(row[0] or b"", row[1] or "", row[2] or "")
