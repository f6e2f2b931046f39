"""What the janitor does for the audit log: bounded, unattended, nothing lost by itself (S111)."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.server.audit import files, keeping
from counterfoil.server.audit.keeping import AuditKeeper
from counterfoil.server.protocol import events
from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.records.audit import Segment
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import load
from counterfoil.server.storage.sqlite import SqliteStore
from tests.storage.conftest import Clock, open_sqlite

pytestmark = pytest.mark.anyio

DAY = 86_400


class Place:
    """A store whose log is to be kept."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store: SqliteStore = open_sqlite(folder / "data", self.clock)
        self.exports = folder / "exports"

    def keeper(self, **settings: Any) -> AuditKeeper:
        given = {"audit_segment_lines": 10, "audit_segment_age": DAY, "audit_retention": 30 * DAY}
        return AuditKeeper(self.store, load({}, given | settings))

    def exporting(self, **settings: Any) -> AuditKeeper:
        return self.keeper(audit_export_dir=self.exports, **settings)

    async def happen(self, count: int, user_id: str = "ada") -> None:
        async def work(tx: Transaction) -> None:
            for number in range(count):
                detail = {"user_id": user_id}
                kind = EventKind.FAMILY_ENDED
                await events.record(tx, kind, events.CLI, f"family-{number}", detail)

        await self.store.transact(work)

    async def segments(self) -> list[Segment]:
        return await self.store.read(lambda tx: tx.segments.every())

    async def numbers(self) -> list[int]:
        entries = await self.store.read(lambda tx: tx.events.entries(0, 100_000))
        return [entry.line.number for entry in entries]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.exports.glob("*"))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    yield place
    await place.store.close()


async def test_a_segment_is_closed_when_it_is_long_enough(place: Place):
    """S111: by count."""
    await place.happen(25)
    await place.keeper().tick()
    assert [(s.first_number, s.last_number) for s in await place.segments()] == [(1, 10), (11, 20)]
    first, second = await place.segments()
    assert second.before == first.end


async def test_a_segment_is_closed_when_it_is_old_enough(place: Place):
    """S111: by age; nothing at all is no segment."""
    await place.keeper().tick()
    assert await place.segments() == []
    await place.happen(3)
    place.clock.now += DAY - 1
    await place.keeper().tick()
    assert await place.segments() == []
    place.clock.now += 1
    await place.keeper().tick()
    await place.keeper().tick()
    assert [(s.first_number, s.last_number) for s in await place.segments()] == [(1, 3)]


async def test_closed_segments_are_written_once_and_dropped_after_retention(place: Place):
    """S111: exported as JSON lines, then dropped by retention, and the log goes on."""
    await place.happen(25)
    await place.exporting().tick()
    written = ["audit-000000000001-000000000010.jsonl", "audit-000000000011-000000000020.jsonl"]
    assert place.files() == written
    before = [path.stat().st_mtime_ns for path in sorted(place.exports.iterdir())]
    place.clock.now += 30 * DAY - 1
    await place.exporting(audit_segment_age=365 * DAY).tick()
    assert [path.stat().st_mtime_ns for path in sorted(place.exports.iterdir())] == before
    assert await place.numbers() == list(range(1, 26))
    place.clock.now += 1
    await place.exporting(audit_segment_age=365 * DAY).tick()
    assert await place.numbers() == list(range(21, 26))
    await place.happen(1)
    assert await place.numbers() == list(range(21, 27))
    _, entries = files.read(place.exports / written[0])
    assert [entry.line.number for entry in entries] == list(range(1, 11))


async def test_a_log_of_which_all_was_dropped_goes_on_where_it_ended(place: Place):
    """S111: the recorded end carries number and digest."""
    await place.happen(10)
    place.clock.now += 31 * DAY
    await place.exporting().tick()
    assert await place.numbers() == []
    await place.happen(1)
    assert await place.numbers() == [11]
    (segment,) = await place.segments()
    (entry,) = await place.store.read(lambda tx: tx.events.entries(0, 10))
    assert entry.line.after(segment.last_digest) == entry.digest


async def test_without_a_file_lines_stay_unless_that_was_chosen(place: Place):
    """S111: nothing is lost that nobody decided to lose."""
    await place.happen(10)
    place.clock.now += 400 * DAY
    await place.keeper().tick()
    assert len(await place.numbers()) == 10
    await place.keeper(audit_drop_unexported=True).tick()
    assert await place.numbers() == []


async def test_a_directory_that_cannot_be_written_is_told_of_and_nothing_goes(
    place: Place, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    place.exports.write_text("a file stands where the directory should be")
    await place.happen(10)
    place.clock.now += 400 * DAY
    await place.exporting().tick()
    assert "the audit log cannot be exported, and is kept" in caplog.text
    assert len(await place.numbers()) == 10


async def test_a_round_does_a_bounded_amount(place: Place, monkeypatch: pytest.MonkeyPatch):
    """S111: nobody waits for the log's keeping."""
    monkeypatch.setattr(keeping, "SEGMENTS_AT_ONCE", 2)
    monkeypatch.setattr(keeping, "LINES_AT_ONCE", 3)
    monkeypatch.setattr(keeping, "DROPS_AT_ONCE", 2)
    await place.happen(60)
    await place.exporting().tick()
    assert (len(await place.segments()), len(place.files())) == (2, 2)
    place.clock.now += 31 * DAY
    await place.exporting().tick()
    assert (len(await place.segments()), len(place.files())) == (4, 4)
    assert len(await place.numbers()) == 60 - 2 * 3
    for _ in range(20):
        await place.exporting().tick()
    assert (len(place.files()), await place.numbers()) == (6, [])


async def test_who_is_erased_while_a_file_is_written_is_not_in_it(place: Place):
    """S111: an erasure between reading and writing makes the file be written once more."""
    await place.happen(10)
    keeper = place.exporting()
    await place.store.transact(keeper.close_due)
    (segment,) = await place.segments()

    class Interrupted(AuditKeeper):
        async def _entries_of(self, segment: Segment):
            entries = await super()._entries_of(segment)
            await self.store.transact(lambda tx: erase_from_log(tx, "ada", events.CLI))
            return entries

    path = await Interrupted(place.store, keeper.settings).export(segment, place.exports)
    assert b'"ada"' in path.read_bytes()
    assert (await place.segments())[0].exported_at is None
    await keeper.tick()
    assert b'"ada"' not in path.read_bytes()
    assert (await place.segments())[0].exported_at is not None


async def test_a_file_is_not_replaced_by_half_of_it(place: Place):
    """S111: its lines were dropped after somebody had looked which segments are whole."""
    await place.happen(10)
    keeper = place.exporting()
    await keeper.tick()
    (segment,) = await place.segments()
    (name,) = place.files()
    before = (place.exports / name).read_bytes()
    place.clock.now += 31 * DAY
    await keeper.tick()
    assert await place.numbers() == []
    with pytest.raises(OSError, match="lines 1 to 10 are no longer all in the database"):
        await keeper.export(segment, place.exports)
    assert (place.exports / name).read_bytes() == before
