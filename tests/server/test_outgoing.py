"""What waits to be sent is looked for until somebody says to stop, whatever fails meanwhile."""

import asyncio
import logging

import pytest

from counterfoil.server.outgoing import FIRST_WAIT, LONGEST_WAIT, Rounds, wait_after
from counterfoil.server.records.failures import StoreUnavailable

pytestmark = pytest.mark.anyio


def test_it_is_waited_longer_each_time_and_never_for_too_long():
    waits = [wait_after(failures) for failures in (1, 2, 3, 8, 9, 1000)]
    assert waits == [FIRST_WAIT, 10, 20, 640, LONGEST_WAIT, LONGEST_WAIT]


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), ValueError("broken")])
async def test_what_fails_is_said_and_looked_for_again(
    failure: Exception, caplog: pytest.LogCaptureFixture
):
    rounds, ticks, again = Rounds("mail"), 0, asyncio.Event()

    async def tick() -> bool:
        nonlocal ticks
        ticks += 1
        if ticks == 1:
            rounds.wake()
            raise failure
        again.set()
        return False

    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(rounds.run(tick))
        await asyncio.wait_for(again.wait(), 10)
        task.cancel()
    assert "mail" in caplog.text


async def test_a_store_that_is_away_is_said_once_and_so_is_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
):
    rounds, ticks, again = Rounds("mail"), 0, asyncio.Event()

    async def tick() -> bool:
        nonlocal ticks
        ticks += 1
        rounds.wake()
        if ticks <= 3:
            raise StoreUnavailable("away")
        if ticks == 5:
            again.set()
        return False

    task = asyncio.create_task(rounds.run(tick))
    await asyncio.wait_for(again.wait(), 10)
    task.cancel()
    said = [each.getMessage() for each in caplog.records if each.name.startswith("counterfoil")]
    assert said == ["mail waits: the store is not available", "mail goes on"]
