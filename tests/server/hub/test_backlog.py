"""What followers are sent, from memory and from the store: in order, whole, spelled once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.net.event_stream import EventParser
from counterfoil.oauth.feed import Position
from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.server.hub import backlog as module
from counterfoil.server.hub.backlog import FURTHEST, Backlog
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio

UNTIL = 10**10


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        yield place


async def backlog_with(place: Installation, count: int, *, until: int = UNTIL) -> Backlog:
    """A backlog that has begun where the store ended, with so many notices after it."""
    store = place.authority.store
    backlog = Backlog(store)
    backlog.begin((await store.read(lambda tx: tx.notices.head()))[0])
    notices = [Notice(Ended.TOKEN, f"t{number}", until) for number in range(count)]
    begun = backlog.position.number
    await store.transact(lambda tx: tx.notices.append(notices))
    backlog.extend(await store.read(lambda tx: tx.notices.after(begun, count)))
    return backlog


async def names_after(backlog: Backlog, cursor: Position) -> list[str]:
    """All that follows a cursor, taken step by step."""
    names, parser = list[str](), EventParser()
    while cursor != backlog.position:
        lines = backlog.remembered(cursor) or await backlog.stored(cursor)
        assert lines is not None
        events = parser.feed(lines.data)
        assert events[-1].last_id == str(lines.position)
        assert len(events) == lines.position.number - cursor.number
        names += [notice_from(event.data).name for event in events]
        cursor = lines.position
    return names


async def test_every_place_is_served_from_memory_or_store(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """S40, S93: memory is bounded; what it does not hold stands in the store."""
    monkeypatch.setattr(module, "REMEMBERED", 7)
    for name, size in (("_PAGE", 5), ("_AT_ONCE", 3), ("_PAGES", 2)):
        monkeypatch.setattr(module, name, size)
    backlog = await backlog_with(place, 40)
    end = backlog.position
    for missing in range(41):
        cursor = Position(end.epoch, end.number - missing)
        assert (backlog.remembered(cursor) is not None) == (missing <= 7)
        expected = [f"t{number}" for number in range(40 - missing, 40)]
        assert await names_after(backlog, cursor) == expected
    assert len(backlog._pages) <= 2


async def test_followers_at_one_place_share_the_same_bytes(place: Installation):
    backlog = await backlog_with(place, 3)
    cursor = Position(backlog.position.epoch, backlog.position.number - 2)
    first, second = backlog.remembered(cursor), backlog.remembered(cursor)
    assert first is not None
    assert first is second


async def test_pages_of_the_store_are_read_once(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """A thousand that come back after the same hour do not read it a thousand times."""
    monkeypatch.setattr(module, "REMEMBERED", 1)
    monkeypatch.setattr(module, "_PAGE", 5)
    backlog = await backlog_with(place, 30)
    reads, store = 0, backlog._store

    class Counting:
        async def read(self, work: object) -> object:
            nonlocal reads
            reads += 1
            return await store.read(work)

    backlog._store = Counting()
    cursor = Position(backlog.position.epoch, backlog.position.number - 25)
    await names_after(backlog, cursor)
    before = reads
    for _ in range(10):
        await names_after(backlog, cursor)
    assert reads <= before + 20, "only pages that are not full are read again"


@pytest.mark.parametrize("ahead", [1, 10**9])
async def test_a_place_ahead_of_ours_is_none(place: Installation, ahead: int):
    backlog = await backlog_with(place, 3)
    cursor = Position(backlog.position.epoch, backlog.position.number + ahead)
    assert backlog.remembered(cursor) is None
    assert await backlog.stored(cursor) is None


async def test_a_place_of_another_epoch_is_none(place: Installation):
    backlog = await backlog_with(place, 3)
    cursor = Position("other", backlog.position.number)
    assert backlog.remembered(cursor) is None
    assert await backlog.stored(cursor) is None


async def test_a_place_too_far_back_is_none(place: Installation):
    backlog = await backlog_with(place, 3)
    backlog.position = Position(backlog.position.epoch, FURTHEST + 10)
    assert not backlog.can_resume(Position(backlog.position.epoch, 9))
    assert backlog.can_resume(Position(backlog.position.epoch, 10))


async def test_where_notices_were_swept_nothing_is_passed_over(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """Below what was swept the snapshot is needed; above it all is there."""
    monkeypatch.setattr(module, "REMEMBERED", 1)
    monkeypatch.setattr(module, "_PAGE", 10)
    soon = int(place.clock()) + 5
    backlog = await backlog_with(place, 4, until=soon)
    begun = backlog.position.number - 4
    later = [Notice(Ended.TOKEN, f"later{number}", UNTIL) for number in range(9)]
    middle = backlog.position.number

    async def add(tx: Transaction) -> None:
        await tx.notices.append(later)

    store = place.authority.store
    await store.transact(add)
    backlog.extend(await store.read(lambda tx: tx.notices.after(middle, 100)))
    place.clock.turn(10)
    await store.transact(lambda tx: tx.sweep(100))
    epoch = backlog.position.epoch
    for number in range(begun, middle):
        assert await backlog.stored(Position(epoch, number)) is None
    for number in range(middle, backlog.position.number):
        names = await names_after(backlog, Position(epoch, number))
        assert names == [notice.name for notice in later[number - middle :]]


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(0, 60))
def test_memory_gives_what_was_added_and_no_gap(sizes: list[int], back: int):
    backlog = Backlog(None)
    backlog.begin(Position("e", 0))
    number = 0
    for size in sizes:
        rows = [(number + each, b"{}") for each in range(1, size + 1)]
        backlog.extend(rows)
        number += size
    cursor = Position("e", number - back)
    lines = backlog.remembered(cursor)
    if 0 <= cursor.number <= number:
        assert lines is not None
        ids = [event.last_id for event in EventParser().feed(lines.data)]
        assert ids == [f"e:{each}" for each in range(cursor.number + 1, number + 1)]
    else:
        assert lines is None
