"""Waiting for receipts: how it stands with the guards, judged by what processes have told."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.feed import Position
from counterfoil.server.protocol.waiting import Acknowledged, judge, wait_for
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.guards import LIVES, Following, GuardLine, LostGuard
from counterfoil.server.records.store import Store
from tests.installation import Clock, Installation, installed

pytestmark = pytest.mark.anyio

AT = Position("e", 7)


def process(*acknowledged: int, asked: int = 7, epoch: str = "e", name: str = "p") -> Following:
    """A process with guards that have acknowledged so far, of which it names two at most."""
    behind = [GuardLine(acknowledged=each) for each in acknowledged if each < asked]
    return Following(
        process=name,
        asked=Position(epoch, asked),
        reached=min(acknowledged, default=asked),
        anonymous=len(acknowledged),
        behind=tuple(behind[:2]),
        behind_in_all=len(behind),
    )


def test_where_nobody_follows_it_is_reached():
    assert judge([], [], AT).reached


def test_a_process_that_has_only_just_got_its_first_guard_is_waited_for():
    """It has told that it has guards before the first was let in, and so before it counted."""
    assert not judge([process(asked=-1, epoch="")], [], AT).reached


def test_every_guard_of_every_process_counts():
    assert judge([process(7, 9), process(8)], [], AT).reached
    standing = judge([process(7, 9), process(8, 6)], [], AT)
    assert not standing.reached
    assert standing.behind == (GuardLine(acknowledged=6),)
    assert standing.anonymous == 4


def test_a_process_that_has_not_asked_has_not_answered():
    for silent in (process(7, 7, asked=6), process(9, asked=9, epoch="another")):
        standing = judge([silent, process(7)], [], AT)
        assert not standing.reached
        assert (standing.behind, standing.uncounted) == ((), silent.anonymous)


def test_whoever_is_ahead_of_what_another_waits_for_is_not_behind():
    """Somebody else waits for 9: those at 8 hold what this one waits for."""
    standing = judge([process(8, 9, asked=9)], [], AT)
    assert standing.reached
    assert standing.behind == ()


def test_one_whose_line_broke_is_waited_for_too():
    """It decides on what it knew, until its own policy bites or it is back."""
    lost = LostGuard("name", GuardLine(client_id="notes", bites_at=100.0))
    standing = judge([process(7)], [lost], AT)
    assert not standing.reached
    assert standing.lost == (lost.line,)


def test_those_that_are_not_named_are_counted():
    standing = judge([process(1, 2, 3, 4)], [], AT)
    assert len(standing.behind) == 2
    assert standing.uncounted == 2


@given(st.lists(st.lists(st.integers(-1, 9), max_size=5), max_size=4), st.integers(0, 9))
def test_reached_means_that_no_guard_anywhere_is_behind(guards: list[list[int]], number: int):
    rolls = [process(*each, asked=9) for each in guards]
    standing = judge(rolls, [], Position("e", number))
    flat = [each for some in guards for each in some]
    assert standing.reached == all(each >= number for each in flat)
    assert standing.known + standing.anonymous == len(flat)
    late = sum(each < number for each in flat)
    assert len(standing.behind) <= late
    assert standing.reached or len(standing.behind) + standing.uncounted >= late


async def asked(store: Store, epoch: str) -> None:
    for _ in range(10_000):
        if await store.read(lambda tx: tx.guards.asked(epoch)) is not None:
            return
        await asyncio.sleep(0)
    pytest.fail("nobody asks")


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        yield place


async def test_a_wait_asks_and_ceases_to_ask(place: Installation):
    store, epoch = place.authority.store, place.authority.hub.position.epoch
    await store.transact(lambda tx: tx.guards.tell(process(6, epoch=epoch)))
    waiting = asyncio.create_task(wait_for(store, Position(epoch, 7), 60))
    await asked(store, epoch)
    await store.transact(lambda tx: tx.guards.tell(process(7, epoch=epoch)))
    assert (await asyncio.wait_for(waiting, 10)).reached
    assert await store.read(lambda tx: tx.guards.asked(epoch)) is None


async def test_a_wait_that_is_broken_off_ceases_to_ask(place: Installation):
    store, epoch = place.authority.store, place.authority.hub.position.epoch
    await store.transact(lambda tx: tx.guards.tell(process(6, epoch=epoch)))
    waiting = asyncio.create_task(wait_for(store, Position(epoch, 7), 60))
    await asked(store, epoch)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await store.read(lambda tx: tx.guards.asked(epoch)) is None


@pytest.mark.parametrize("broken", ["read", "transact", "version"])
async def test_a_store_that_fails_only_leaves_unknown_how_it_stands(
    place: Installation, monkeypatch: pytest.MonkeyPatch, broken: str
):
    """What was to end has ended, and a secret that was replaced has to be told."""

    async def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    def has_failed() -> int:
        raise StoreUnavailable("the disk is full")

    store, epoch = place.authority.store, place.authority.hub.position.epoch
    monkeypatch.setattr(store, broken, has_failed if broken == "version" else fails)
    assert await wait_for(store, Position(epoch, 7), 60) == Acknowledged(reached=False)


async def test_it_waits_no_longer_than_it_was_told_to(place: Installation):
    store, epoch = place.authority.store, place.authority.hub.position.epoch
    await store.transact(lambda tx: tx.guards.tell(process(6, epoch=epoch)))
    standing = await wait_for(store, Position(epoch, 7), 0)
    assert not standing.reached
    assert standing.behind == (GuardLine(acknowledged=6),)


async def test_a_process_that_died_is_waited_for_until_it_counts_as_gone(place: Installation):
    """It tells nothing more, so nothing in the store moves but the time."""
    store, epoch = place.authority.store, place.authority.hub.position.epoch
    assert isinstance(place.clock, Clock)
    await store.transact(lambda tx: tx.guards.tell(process(6, epoch=epoch)))
    waiting = asyncio.create_task(wait_for(store, Position(epoch, 7), 60))
    await asked(store, epoch)
    place.clock.turn(LIVES)
    assert (await asyncio.wait_for(waiting, 10)).reached
