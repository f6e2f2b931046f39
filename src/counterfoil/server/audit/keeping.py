"""What the janitor does for the audit log: closes segments, writes their files, drops the old."""

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from counterfoil.server.audit import files
from counterfoil.server.records.audit import BEGINNING, Entry, Point, Segment
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.settings import Settings

SEGMENTS_AT_ONCE: Final = 10
"""How many segments one round closes and writes at most; the rest waits for the next."""
LINES_AT_ONCE: Final = 200
"""How many lines one read gives, or one transaction drops: the event loop stands still then."""
DROPS_AT_ONCE: Final = 200
"""How many such transactions one round makes at most."""

_LOG: Final = logging.getLogger(__name__)


class AuditKeeper(Struct, frozen=True):
    """Keeps the audit log of one installation. Nothing is dropped that was not decided on.

    Lines leave the database after ``audit_retention``, and only when their segment stands in a
    file, or when ``audit_drop_unexported`` says that they may be lost.
    """

    store: Store
    settings: Settings

    async def tick(self) -> None:
        """Do what is due, a bounded amount of it. A file that cannot be written waits.

        Raises:
            StoreUnavailable: what was done until then stands.
        """
        for _ in range(SEGMENTS_AT_ONCE):
            if not await self.store.transact(self.close_due):
                break
        if self.settings.audit_export_dir is not None:
            try:
                await self.export_new(self.settings.audit_export_dir)
            except OSError as error:
                _LOG.warning("the audit log cannot be exported, and is kept: %s", error)
        await self._drop()

    async def close_due(self, tx: Transaction) -> bool:
        """Close the next segment, if it is long or old enough. A work of the store."""
        segments = await tx.segments.every()
        first = (segments[-1].last_number if segments else 0) + 1
        last = (await tx.events.last()).number
        if last - first + 1 >= self.settings.audit_segment_lines:
            return await close(tx, first + self.settings.audit_segment_lines - 1)
        oldest = await tx.events.entries(first - 1, 1)
        if not oldest or oldest[0].line.at > tx.now - self.settings.audit_segment_age:
            return False
        return await close(tx, last)

    async def export_new(self, directory: Path) -> list[Path]:
        """Write the files of segments that were closed and not exported yet; give their paths.

        Raises:
            OSError: a file cannot be written; those before it stand.
        """
        segments = await self.store.read(_every)
        waiting = [each for each in segments if each.exported_at is None and not each.dropped_at]
        return [await self.export(each, directory) for each in waiting[:SEGMENTS_AT_ONCE]]

    async def export(self, segment: Segment, directory: Path) -> Path:
        """Write the file of a segment, and note that it stands there.

        Raises:
            OSError: it cannot be written, or its lines are no longer all here.
        """
        seen = (await self.store.read(lambda tx: tx.events.last())).number
        entries = await self._entries_of(segment)
        ends = [Point(each.line.number, each.digest) for each in entries[-1:]]
        if len(entries) != segment.length or ends != [segment.end]:
            # They were dropped meanwhile: a file that stands must not be replaced by half of it.
            first, last = segment.first_number, segment.last_number
            raise OSError(f"lines {first} to {last} are no longer all in the database")
        header = files.header_of(segment, self.settings.issuer)
        path = await asyncio.to_thread(files.write, directory, header, entries)
        await self.store.transact(partial(_note, segment, seen))
        return path

    async def _entries_of(self, segment: Segment) -> list[Entry]:
        entries, at = list[Entry](), segment.first_number - 1
        while at < segment.last_number:
            count = min(LINES_AT_ONCE, segment.last_number - at)
            page = await self.store.read(partial(_page, at, count))
            if not page:
                break
            entries += page
            at = page[-1].line.number
            await asyncio.sleep(0)
        return entries

    async def _drop(self) -> None:
        for _ in range(DROPS_AT_ONCE):
            if not await self.store.transact(self._drop_some):
                return
            await asyncio.sleep(0)

    async def _drop_some(self, tx: Transaction) -> int:
        oldest = await tx.events.entries(0, 1)
        if not oldest:
            return 0
        number = oldest[0].line.number
        segments = await tx.segments.every()
        segment = next((each for each in segments if each.last_number >= number), None)
        if segment is None or not self._may_go(segment, tx.now):
            return 0
        return await tx.segments.drop(segment, LINES_AT_ONCE)

    def _may_go(self, segment: Segment, now: int) -> bool:
        is_kept = segment.exported_at is not None or self.settings.audit_drop_unexported
        return is_kept and segment.last_at <= now - self.settings.audit_retention


async def close(tx: Transaction, last_number: int) -> bool:
    """Close the open segment at a line; ``False`` where it has no line."""
    segments = await tx.segments.every()
    before = segments[-1].end if segments else BEGINNING
    ends = await tx.events.entries(last_number - 1, 1)
    if last_number <= before.number or not ends:
        return False
    await tx.segments.add(
        Segment(
            first_number=before.number + 1,
            last_number=last_number,
            digest_before=before.digest,
            last_digest=ends[0].digest,
            last_at=ends[0].line.at,
        )
    )
    return True


async def _every(tx: Transaction) -> list[Segment]:
    return await tx.segments.every()


async def _page(after: int, limit: int, tx: Transaction) -> list[Entry]:
    return await tx.events.entries(after, limit)


async def _note(segment: Segment, seen: int, tx: Transaction) -> None:
    """Note an export, unless somebody was erased meanwhile: then it is written once more."""
    erasures = EventQuery(kind=EventKind.PERSONAL_DATA_ERASED, after=seen, limit=1)
    if not await tx.events.find(erasures):
        await tx.segments.note_export(segment)
