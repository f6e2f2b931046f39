"""Requests that came in one turn of the loop, begun one after the other once all of them were read.

A loop that reads, answers and writes for one connection after the other finds nothing any more in
the processor's caches, each time: reading is the kernel's work, answering is ours. Apart from one
another they cost a fifth less.
"""

import asyncio
from collections.abc import Callable

Step = Callable[[], None]


class Turns:
    """Begins what was put off, in the loop's next turn; one object for all of its connections.

    ``is_brief`` says of a path whether its requests are answered at once, as a rule: they are what
    is put off.
    """

    def __init__(self, is_brief: Callable[[str], bool] = lambda _: False) -> None:
        self.is_brief = is_brief
        self._put_off: list[Step] = []

    def put_off(self, step: Step, loop: asyncio.AbstractEventLoop) -> None:
        """Take a step in the loop's next turn, after those that were put off before."""
        if not self._put_off:
            loop.call_soon(self._take, loop)
        self._put_off.append(step)

    def _take(self, loop: asyncio.AbstractEventLoop) -> None:
        steps, self._put_off = self._put_off, []
        rest = iter(steps)
        try:
            for step in rest:
                step()
        finally:
            for step in rest:  # where one failed: it is the loop's to tell, and the others go on
                self.put_off(step, loop)
