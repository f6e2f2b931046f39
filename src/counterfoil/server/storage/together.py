"""A queue in front of few lines: while all are busy, those who wait are served together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from counterfoil.server.records.failures import Overloaded
from counterfoil.server.records.store import Work
from counterfoil.server.storage.bounded_queue import BoundedQueue, Bounds

MOST_TOGETHER: Final = 16
"""So many are served at once at most, for each waits until all of them are done."""

_FEWER: Final = 4
"""By this the number sinks when somebody spoilt it for the others: it may be done on purpose."""


class Given(Struct, frozen=True):
    """What a work gave."""

    value: Any


class Failed(Struct, frozen=True):
    """What a work raised."""

    error: Exception


class ByItself(Struct, frozen=True):
    """It came to nothing through another's fault, and nothing of it stands: it is run by itself."""


Outcome = Given | Failed | ByItself


class Service(Struct, frozen=True):
    """How works are run: ``one`` by itself, or ``some`` together, with an outcome for each."""

    one: Callable[[Work[Any]], Awaitable[Any]]
    some: Callable[[Sequence[Work[Any]]], Awaitable[Sequence[Outcome]]]


class _Asked:
    """A work, and the answer to whoever waits for it."""

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.answer: asyncio.Future[Any] = loop.create_future()

    def settle(self, outcome: Given | Failed) -> None:
        """Answer, unless whoever asked has gone."""
        if self.answer.done():
            return
        if isinstance(outcome, Given):
            self.answer.set_result(outcome.value)
        else:
            self.answer.set_exception(outcome.error)


class Together:
    """Serves works on so many lines. ``bounds`` say how many wait for one, and for how long.

    What is served together was asked for before the serving began. Up to ``few`` go together even
    where another line is free; fewer, for a while, where one has spoilt it for the others.
    """

    def __init__(self, lines: int, service: Service, bounds: Bounds, few: int = 1) -> None:
        self._lines = lines
        self._few = few
        self._most = MOST_TOGETHER
        self._service = service
        self._waiting: BoundedQueue[_Asked] = BoundedQueue(bounds)
        self._serving: set[asyncio.Task[None]] = set()
        self._watch: asyncio.TimerHandle | None = None

    def ask(self, work: Work[Any], *, urgent: bool = False) -> asyncio.Future[Any]:
        """Have a work run; gives what it will give. One that is cancelled while it waits is not.

        One that is ``urgent`` goes before the others.

        Raises:
            Overloaded: as many wait as may.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(work, loop)
        self._waiting.join(asked, loop.time(), urgent=urgent)
        if len(self._serving) < self._lines:
            self._begin()
        elif self._watch is None:
            self._watch = loop.call_later(self._waiting.bounds.seconds, self._turn_away)
        return asked.answer

    async def finish(self) -> None:
        """Wait until all that was asked for is done."""
        while self._serving:
            await asyncio.wait(self._serving)
        if self._watch is not None:
            self._watch.cancel()

    def _begin(self) -> None:
        task = asyncio.get_running_loop().create_task(self._serve())
        self._serving.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        # Whoever came after it had looked for the last time took it for one that serves.
        if self._waiting and not task.cancelled():
            self._begin()

    async def _serve(self) -> None:
        while self._waiting:
            taken = [self._waiting.pop() for _ in range(self._share(len(self._waiting)))]
            there = [asked for asked in taken if not asked.answer.done()]
            self._most = min(self._most + 1, MOST_TOGETHER)
            if len(there) == 1:
                await self._one(there[0])
            elif there:
                await self._some(there)

    def _share(self, waiting: int) -> int:
        """Give the part of one line, so that the others have something to do."""
        part = -(-waiting // self._lines)
        return min(max(part, self._few), waiting, self._most)

    async def _one(self, asked: _Asked) -> None:
        try:
            asked.settle(Given(await self._service.one(asked.work)))
        except Exception as error:
            asked.settle(Failed(error))

    async def _some(self, taken: list[_Asked]) -> None:
        outcomes = await self._outcomes([asked.work for asked in taken])
        again = []
        for asked, outcome in zip(taken, outcomes, strict=True):
            if isinstance(outcome, ByItself):
                again.append(self._one(asked))
            else:
                asked.settle(outcome)
        if again:
            self._most = max(self._most // _FEWER, 1)
            await asyncio.gather(*again)

    async def _outcomes(self, works: Sequence[Work[Any]]) -> Sequence[Outcome]:
        try:
            return await self._service.some(works)
        except Exception as error:  # none was begun, or the line broke in the moment of the commit
            return [Failed(error)] * len(works)

    def _turn_away(self) -> None:
        """Tell those who have waited for too long; look again when the next would have."""
        loop = asyncio.get_running_loop()
        for asked in self._waiting.stale(loop.time()):
            asked.settle(Failed(Overloaded("every connection to the database is in use")))
        due = self._waiting.due
        self._watch = None if due is None else loop.call_at(due, self._turn_away)
