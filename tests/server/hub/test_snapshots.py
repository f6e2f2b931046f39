"""Snapshots: built in pages, one at a time, shared, and built anew when it is worth it."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from counterfoil.guard.snapshot_reader import SnapshotReader
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.feed import Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Marks, Notice
from counterfoil.oauth.snapshot import NOTICES_IN_PAGE, Snapshot
from counterfoil.server.hub import snapshots as module
from counterfoil.server.hub.snapshots import Reading, Snapshots
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        yield place


async def append(place: Installation, *names: str, until: int = 10**10) -> None:
    notices = [Notice(Ended.TOKEN, name, until) for name in names]
    await place.authority.store.transact(lambda tx: tx.notices.append(notices))


def trusting(signed: str) -> Snapshot:
    return msgspec.convert(unverified_claims(signed), Snapshot)


async def read(place: Installation, reading: Reading) -> SnapshotReader:
    reader = SnapshotReader(trusting, place.clock())
    size = 0
    async for piece in reading:
        assert len(piece) <= 64 * 1024
        size += len(piece)
        reader.feed(piece)
    assert size == reading.size
    await reading.aclose()
    return reader


async def newest(place: Installation) -> SnapshotReader:
    return await read(place, await place.authority.snapshots.newest(place.clock))


def is_dead(reader: SnapshotReader, jti: str) -> bool:
    marks = Marks(jti, "f", "c", 0, "a", 0, "k")
    return reader.pages().proven().rejects(marks, 0) is Reason.REVOKED


async def test_it_holds_all_that_lives_and_says_how_far(place: Installation):
    names = [f"t{number}" for number in range(2 * NOTICES_IN_PAGE + 7)]
    await append(place, *names)
    await place.authority.hub.catch_up()
    reader = await newest(place)
    statement = reader.pages().statement
    hub = place.authority.hub
    assert Position(statement.epoch, statement.number) == hub.position
    assert statement.digest == hub.digest
    assert statement.time == place.clock()
    assert statement.iss == place.issuer
    assert all(is_dead(reader, name) for name in names)
    assert not is_dead(reader, "other")


async def test_what_nothing_has_changed_is_only_signed_anew(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """The time that it states goes on, for the store was read; its pages stay."""
    first = await newest(place)
    monkeypatch.setattr(Snapshots, "_build", None)
    place.clock.turn(7)
    second = await newest(place)
    assert second.pages().statement.time == first.pages().statement.time + 7
    assert second.pages().statement.sha256 == first.pages().statement.sha256


async def test_one_that_lies_behind_serves_while_building_would_cost_too_much(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    first = await newest(place)
    await append(place, "late")
    place.authority.snapshots._due = asyncio.get_running_loop().time() + 60
    place.clock.turn(3)
    behind = await newest(place)
    assert behind.pages().statement == first.pages().statement
    place.authority.snapshots._due = 0.0
    assert is_dead(await newest(place), "late")


async def test_many_at_once_have_one_built(place: Installation, monkeypatch: pytest.MonkeyPatch):
    built = 0
    write = Snapshots._write

    async def counted(self: Snapshots, position: Position, digest: str) -> object:
        nonlocal built
        built += 1
        return await write(self, position, digest)

    monkeypatch.setattr(Snapshots, "_write", counted)
    await append(place, *(f"t{number}" for number in range(3000)))
    snapshots = place.authority.snapshots
    readings = await asyncio.gather(*(snapshots.newest(place.clock) for _ in range(20)))
    assert built == 1
    assert len({reading.etag for reading in readings}) == 1
    for reading in readings:
        await reading.aclose()


async def test_the_loop_goes_on_while_one_is_built(place: Installation):
    await append(place, *(f"t{number}" for number in range(10 * NOTICES_IN_PAGE)))
    building = asyncio.create_task(newest(place))
    turns = 0
    while not building.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 10


async def test_one_that_is_being_read_is_not_disturbed_by_the_next(place: Installation):
    await append(place, *(f"t{number}" for number in range(4000)))
    reading = await place.authority.snapshots.newest(place.clock)
    begun = await anext(reading)
    await append(place, "late")
    place.authority.snapshots._due = 0.0
    assert is_dead(await newest(place), "late")
    rest = [piece async for piece in reading]
    await reading.aclose()
    reader = SnapshotReader(trusting, place.clock())
    for piece in (begun, *rest):
        reader.feed(piece)
    assert is_dead(reader, "t3999")
    assert not is_dead(reader, "late")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


async def test_no_file_is_left_open_or_lying_about(tmp_path: Path):
    async with installed(tmp_path) as place:
        before, files = open_files(), len(list(tmp_path.rglob("*")))  # noqa: ASYNC240
        for number in range(5):
            await append(place, f"t{number}")
            place.authority.snapshots._due = 0.0
            unread = await place.authority.snapshots.newest(place.clock)
            await unread.aclose()
            await unread.aclose()
        assert open_files() == before + 1
        assert len(list(tmp_path.rglob("*"))) == files  # noqa: ASYNC240


async def test_a_notice_that_comes_while_it_is_built_waits_for_the_next(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """What it says about its number is true, though each page is a view of its own."""
    await append(place, *(f"t{number}" for number in range(2 * NOTICES_IN_PAGE)))
    real = Snapshots._living

    async def interrupted(self: Snapshots, until: Position) -> object:
        async for texts in real(self, until):
            await append(place, "meanwhile")
            yield texts

    monkeypatch.setattr(Snapshots, "_living", interrupted)
    reader = await newest(place)
    assert not is_dead(reader, "meanwhile")
    assert is_dead(reader, f"t{2 * NOTICES_IN_PAGE - 1}")


async def test_a_new_epoch_in_between_is_no_snapshot(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    await append(place, "a")

    def other_epoch(_: int) -> object:
        async def work(_: Transaction) -> tuple[str, list[tuple[int, bytes]]]:
            return "another", [(1, b"{}")]

        return work

    monkeypatch.setattr(module, "_page_after", other_epoch)
    with pytest.raises(StoreUnavailable, match="anew"):
        await place.authority.snapshots.newest(place.clock)


async def test_a_disk_without_room_is_said(place: Installation):
    snapshots = Snapshots(
        place.issuer, place.authority.store, place.authority.keyring, Path("/nowhere")
    )
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await snapshots.newest(place.clock)
