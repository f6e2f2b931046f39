"""Places for those who use a database at once, and a bounded queue for those who wait for one."""

import asyncio

from counterfoil.server.records.failures import Overloaded
from counterfoil.server.storage.bounded_queue import BoundedQueue, Bounds


class Places:
    """``most`` places. A place that is given back goes to whoever waits, by the queue's order.

    ``otherwise`` says what the matter is where there is none for too long.
    """

    def __init__(self, most: int, bounds: Bounds, otherwise: str) -> None:
        self._most = most
        self._free = most
        self._waiting: BoundedQueue[asyncio.Future[None]] = BoundedQueue(bounds)
        self._otherwise = otherwise

    async def take(self, *, urgent: bool = False) -> None:
        """Take a place, and wait for it, but not for ever.

        Raises:
            Overloaded: too many wait, or there was none in time.
        """
        if self._free:
            self._free -= 1
            return
        await self._wait(self._waiting.bounds.seconds, urgent=urgent)

    async def take_all(self) -> None:
        """Wait, for however long, until every place is given back, and take them all."""
        for _ in range(self._most):
            if self._free:
                self._free -= 1
            else:
                await self._wait(None, urgent=True)

    def give_back(self) -> None:
        """Let the next one in."""
        while self._waiting:
            place = self._waiting.pop()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    async def _wait(self, seconds: float | None, *, urgent: bool) -> None:
        loop = asyncio.get_running_loop()
        for gave_up in self._waiting.stale(loop.time()):
            gave_up.cancel()
        place = loop.create_future()
        self._waiting.join(place, loop.time(), urgent=urgent)
        try:
            await asyncio.wait((place,), timeout=seconds)
        except asyncio.CancelledError:
            came = place.done() and not place.cancelled()
            place.cancel()
            if came:  # in the very moment
                self.give_back()
            raise
        if not place.done() or place.cancelled():
            place.cancel()
            raise Overloaded(self._otherwise)
