"""A coroutine begun at once, and given a task only when it has to wait.

Python 3.12 has this as eager tasks (`asyncio.eager_task_factory`).
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


def begun(
    steps: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[None] | None:
    """Run a coroutine to where it waits; gives the task that goes on, ``None`` where it is done.

    Up to there it has no task: it must not ask for its own (`asyncio.current_task`, and so
    `asyncio.timeout`). What it raises up to there is raised here.
    """
    try:
        awaited = steps.send(None)
    except StopIteration:
        return None
    return loop.create_task(_Rest(steps, awaited))


class _Rest(Coroutine[Any, Any, None]):
    """What is left of a coroutine that waits for something already."""

    def __init__(self, steps: Coroutine[Any, Any, None], awaited: Any) -> None:
        self._steps = steps
        self._awaited = awaited

    def send(self, value: Any) -> Any:
        """Give what it waits for, then go on."""
        if self._awaited is not None:
            awaited, self._awaited = self._awaited, None
            return awaited
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise where it waits, whether or not anybody has asked yet for what."""
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited.cancel()  # as a task would, had it been told what it waits for
        return self._steps.throw(*error)

    def close(self) -> None:
        """End it where it waits."""
        self._steps.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("it is a task's, and nobody else's")
