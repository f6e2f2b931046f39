"""One answer for all who ask at the same time, never begun before any of them asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Coalesced(Generic[T]):
    """Does something once for many. ``do`` never runs twice at once.

    Whoever comes while it runs waits for the next time: what runs may have begun too early.
    """

    def __init__(self, do: Callable[[], Awaitable[T]]) -> None:
        self._do = do
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def ask(self) -> T:
        """Give what it gave, or raise what it raised; being cancelled stops it for nobody."""
        if self._running is None:
            self._running = self._begun(None)
            return await asyncio.shield(self._running)
        if self._next is None:
            self._next = self._begun(self._running)
        return await asyncio.shield(self._next)

    async def finish(self) -> None:
        """Wait until nothing runs any more."""
        while self._running is not None:
            await asyncio.wait({self._running})

    def _begun(self, before: "asyncio.Task[T] | None") -> "asyncio.Task[T]":
        task = asyncio.ensure_future(self._run(before))
        # Whoever asked may have gone before it failed: then nobody is left to hear of it.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _run(self, before: "asyncio.Task[T] | None") -> T:
        if before is not None:
            await asyncio.wait({before})
        try:
            return await self._do()
        finally:
            self._running, self._next = self._next, None
