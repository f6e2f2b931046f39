"""Places are given back to whoever waits; none is lost, however those who wait go away."""

import asyncio

import pytest

from counterfoil.server.records.failures import Overloaded
from counterfoil.server.storage.bounded_queue import Bounds
from counterfoil.server.storage.places import Places

pytestmark = pytest.mark.anyio

LONG = 60.0


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def taking(places: Places, *, urgent: bool = False) -> "asyncio.Task[None]":
    return asyncio.create_task(places.take(urgent=urgent))


async def test_a_place_goes_to_who_waits_and_endings_first() -> None:
    places = Places(1, Bounds(10, LONG), "none")
    await places.take()
    other, urgent = taking(places), taking(places, urgent=True)
    await settle()
    places.give_back()
    await settle()
    assert (other.done(), urgent.done()) == (False, True)
    places.give_back()
    await other


async def test_where_too_many_wait_the_next_is_turned_away_at_once() -> None:
    places = Places(1, Bounds(3, LONG), "none")
    await places.take()
    waiting = [taking(places) for _ in range(3)]
    await settle()
    with pytest.raises(Overloaded):
        await places.take()
    for each in waiting:
        places.give_back()
        await each


async def test_who_waits_too_long_is_turned_away_and_makes_room() -> None:
    places = Places(1, Bounds(2, 0.02), "every place is in use")
    await places.take()
    for _ in range(3):
        answers = await asyncio.gather(places.take(), places.take(), return_exceptions=True)
        assert [str(each) for each in answers] == ["every place is in use"] * 2
    places.give_back()
    await places.take()


@pytest.mark.parametrize("given_first", [True, False])
async def test_a_place_is_not_lost_with_somebody_who_goes_away(given_first: bool) -> None:
    """Even where it was handed over in the very moment."""
    places = Places(1, Bounds(10, LONG), "none")
    await places.take()
    gone, stays = taking(places), taking(places)
    await settle()
    if given_first:
        places.give_back()
        gone.cancel()
    else:
        gone.cancel()
        places.give_back()
    await asyncio.wait_for(stays, 5)
    assert gone.cancelled() or (await asyncio.gather(gone, return_exceptions=True))
    places.give_back()
    await asyncio.wait_for(places.take(), 5)


async def test_who_is_turned_away_and_goes_in_the_same_moment_leaves_no_place_too_many() -> None:
    places = Places(1, Bounds(10, LONG), "none")
    await places.take()
    gone = taking(places)
    await settle()
    places._waiting.bounds = Bounds(10, 0)
    after = taking(places)  # finds that ``gone`` has waited for too long
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(Overloaded):
        await after
    assert gone.cancelled()
    places.give_back()
    await asyncio.wait_for(places.take(), 5)
    with pytest.raises(Overloaded):
        await places.take()


async def test_all_are_taken_once_all_are_given_back() -> None:
    places = Places(3, Bounds(10, LONG), "none")
    for _ in range(2):
        await places.take()
    closing = asyncio.create_task(places.take_all())
    await settle()
    assert not closing.done()
    for _ in range(2):
        places.give_back()
    await asyncio.wait_for(closing, 5)
