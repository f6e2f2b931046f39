"""What was put off is done in the loop's next turn: in order, once, and whatever else fails."""

import asyncio
from functools import partial

import pytest

from counterfoil.cli.turns import Turns

pytestmark = pytest.mark.anyio


async def test_what_is_put_off_is_done_in_order_in_the_next_turn() -> None:
    loop, turns, done = asyncio.get_running_loop(), Turns(), list[int]()
    for number in range(3):
        turns.put_off(partial(done.append, number), loop)
    assert done == []
    await asyncio.sleep(0)
    assert done == [0, 1, 2]
    await asyncio.sleep(0)
    assert done == [0, 1, 2]


async def test_what_is_put_off_meanwhile_waits_for_the_turn_after() -> None:
    """Else whoever always comes again would keep the loop."""
    loop, turns, done = asyncio.get_running_loop(), Turns(), list[int]()

    def again() -> None:
        done.append(len(done))
        turns.put_off(again, loop)

    turns.put_off(again, loop)
    for number in range(1, 4):
        await asyncio.sleep(0)
        assert done == list(range(number))


async def test_one_that_fails_is_told_to_the_loop_and_the_others_go_on() -> None:
    loop, turns, done = asyncio.get_running_loop(), Turns(), list[str]()
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def fail() -> None:
        raise RuntimeError("mine alone")

    try:
        turns.put_off(lambda: done.append("before"), loop)
        turns.put_off(fail, loop)
        turns.put_off(lambda: done.append("after"), loop)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert done == ["before", "after"]
    assert [str(error) for error in told] == ["mine alone"]
