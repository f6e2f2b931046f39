"""Many customers at once, who go on all the time at whichever servers there are."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from tests.crash.customer import Books, Customer
from tests.flows.serving import until

SECONDS = 90
_PAUSE = 0.05


class TimedBooks(Books):
    """Books that say when what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def spend(self, secret: str) -> None:
        super().spend(secret)
        self.times.append(time.monotonic())

    def succeed(self, refresh_token: str, successor: str) -> None:
        super().succeed(refresh_token, successor)
        self.times.append(time.monotonic())

    def longest_pause(self, since: float) -> float:
        """Seconds between two acknowledgements, the longest that ended after this moment."""
        pairs = zip(self.times, self.times[1:], strict=False)
        return max(later - before for before, later in pairs if later >= since)


class Patient(Customer):
    """A customer who takes a breath when no answer comes: servers may be away for a while."""

    async def ask(
        self, method: str, path: str, base: str | None = None, **more: Any
    ) -> httpx2.Response | None:
        answer = await super().ask(method, path, base, **more)
        if answer is None:
            await asyncio.sleep(_PAUSE)
        return answer


class Street:
    """The customers, and the books that they keep in common."""

    def __init__(self, app_secret: str, count: int, seed: int) -> None:
        self.books = TimedBooks()
        self.customers = [
            Patient(
                ("", ""), app_secret, self.books, f"customer{number}@example.com", seed + number
            )
            for number in range(count)
        ]

    @asynccontextmanager
    async def living(self, one: str, other: str) -> AsyncIterator[None]:
        """They live while the block lasts."""
        self.go_to(one, other)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for customer in self.customers:
                group.create_task(customer.live(stop))
            yield
            stop.set()

    def go_to(self, one: str, other: str) -> None:
        for customer in self.customers:
            customer.bases = (one, other)

    async def spend(self, count: int) -> None:
        """Wait until so many more codes and refresh tokens were spent."""
        wanted = self.spent + count
        await until(lambda: self.spent >= wanted, within=SECONDS)

    def finish(self) -> None:
        """Note the codes that nobody has shown."""
        self.books.codes = [each for customer in self.customers for each in customer.unused]

    @property
    def spent(self) -> int:
        return self.books.shown
