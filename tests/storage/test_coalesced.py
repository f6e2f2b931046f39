"""Many ask, it is done once; but never was it begun before anyone who is answered asked."""

import asyncio

import pytest

from counterfoil.server.storage.coalesced import Coalesced

pytestmark = pytest.mark.anyio


class Slow:
    """Something that takes until it is let go; counts how often it was begun and ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.fails = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        mine = self.begun
        assert self.begun == self.ended + 1, "two at once"
        await self.go.wait()
        self.ended += 1
        if mine == self.fails:
            raise ZeroDivisionError(mine)
        return mine


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_comes_while_it_runs_waits_for_the_next_time() -> None:
    slow = Slow()
    coalesced = Coalesced(slow)
    first = asyncio.ensure_future(coalesced.ask())
    await turns()
    later = [asyncio.ensure_future(coalesced.ask()) for _ in range(10)]
    await turns()
    assert slow.begun == 1
    slow.go.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2] * 10
    assert await coalesced.ask() == 3


async def test_a_failure_is_told_to_those_who_asked_for_it_alone() -> None:
    slow = Slow()
    coalesced = Coalesced(slow)
    slow.fails = 1
    failing = asyncio.ensure_future(coalesced.ask())
    await turns()
    after = asyncio.ensure_future(coalesced.ask())
    await turns()
    slow.go.set()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert await after == 2


async def test_one_who_goes_away_stops_it_for_nobody() -> None:
    slow = Slow()
    coalesced = Coalesced(slow)
    gone, staying = (asyncio.ensure_future(coalesced.ask()) for _ in range(2))
    await turns()
    gone.cancel()
    await turns()
    slow.go.set()
    assert await staying == 2
    await coalesced.finish()
    assert (slow.begun, slow.ended) == (2, 2)
