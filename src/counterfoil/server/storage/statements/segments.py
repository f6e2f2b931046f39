"""Closed stretches of the audit log: where each ends, when it was exported and dropped."""

from typing import Final

from counterfoil.server.records.audit import Segment
from counterfoil.server.storage.connection import Connection, Row

_ADD: Final = """
INSERT INTO audit_segments (first_number, last_number, digest_before, last_digest, last_at)
VALUES (?, ?, ?, ?, ?)
"""
_EVERY: Final = """
SELECT first_number, last_number, digest_before, last_digest, last_at, exported_at, dropped_at
FROM audit_segments ORDER BY last_number
"""
_NOTE_EXPORT: Final = """
UPDATE audit_segments SET exported_at = ? WHERE last_number = ? AND exported_at IS NULL
"""
_NOTE_DROP: Final = """
UPDATE audit_segments SET dropped_at = ? WHERE last_number = ? AND dropped_at IS NULL
"""
_DROP: Final = """
DELETE FROM events WHERE number IN (
    SELECT number FROM events WHERE number <= ? ORDER BY number LIMIT ?)
"""


class SegmentStatements:
    """Keeps the promises of ``Segments``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, segment: Segment) -> None:
        """Close a stretch."""
        await self._connection.run(
            _ADD,
            segment.first_number,
            segment.last_number,
            segment.digest_before,
            segment.last_digest,
            segment.last_at,
        )

    async def every(self) -> list[Segment]:
        """All, in the order of the log."""
        return [_segment(row) for row in await self._connection.all(_EVERY)]

    async def note_export(self, segment: Segment) -> None:
        """Note that the segment stands in a file."""
        await self._connection.run(_NOTE_EXPORT, self._connection.now, segment.last_number)

    async def drop(self, segment: Segment, limit: int) -> int:
        """Remove at most ``limit`` lines up to the end of a segment; says how many."""
        await self._connection.run(_NOTE_DROP, self._connection.now, segment.last_number)
        return await self._connection.run(_DROP, segment.last_number, limit)


def _segment(row: Row) -> Segment:
    return Segment(
        first_number=row[0],
        last_number=row[1],
        digest_before=row[2],
        last_digest=row[3],
        last_at=row[4],
        exported_at=row[5],
        dropped_at=row[6],
    )
