"""A coroutine runs at once to where it waits, and from there as any task does."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from counterfoil.cli.beginning import begun

pytestmark = pytest.mark.anyio


def begin(steps: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    return begun(steps, asyncio.get_running_loop())


async def test_what_waits_for_nothing_is_done_without_a_task():
    done = []

    async def work() -> None:
        done.append(1)

    assert begin(work()) is None
    assert done == [1]


async def test_what_it_raises_at_once_is_raised_here():
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        begin(work())


@pytest.mark.parametrize("soon", [False, True], ids=["later", "before the task's first step"])
async def test_it_goes_on_with_what_it_waited_for(soon: bool):
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    seen: list[object] = []

    async def work() -> None:
        seen.append(await answer)
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    task = begin(work())
    assert task is not None
    if not soon:
        await asyncio.sleep(0)
    assert seen == []
    answer.set_result(7)
    await task
    assert seen == [7, task]


async def test_what_it_waits_for_may_fail():
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen = []

    async def work() -> None:
        try:
            await answer
        except OSError:
            seen.append("failed")
            raise

    task = begin(work())
    assert task is not None
    answer.set_exception(OSError())
    with pytest.raises(OSError):  # noqa: PT011  # its kind is all there is
        await task
    assert seen == ["failed"]


@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_being_cancelled_reaches_it_where_it_waits(steps: int):
    """Also before the task has taken its first step: what was begun is ended in order."""
    seen = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            seen.append("ended")

    task = begin(work())
    assert task is not None
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["ended"]


@pytest.mark.parametrize("steps", [0, 1])
async def test_what_it_waits_for_is_cancelled_with_it(steps: int):
    """Nobody works on for whoever has gone."""
    waited_for: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await waited_for

    task = begin(work())
    assert task is not None
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waited_for.cancelled()
