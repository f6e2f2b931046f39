"""The line to providers: what this process knows of them, and how long they are waited for.

It is opened when it is first needed: most servers have no provider.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from counterfoil.net.exchange import AsyncSender, Exchange
from counterfoil.net.http import Unreachable
from counterfoil.server.upstream.issuer import Issuers

T = TypeVar("T")

PATIENCE: Final = 15.0
"""Seconds for all that is asked for one sign-in."""
AT_ONCE: Final = 32
"""So many wait for providers at once: one that hangs holds up nobody else for long."""


class Line:
    """It belongs to one event loop. ``clock`` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.issuers: Final = Issuers(clock)
        self._sender: AsyncSender | None = None
        self._waiting = 0
        self._alone: dict[str, asyncio.Lock] = {}
        self._wanted: dict[str, int] = {}

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Let one at a time do what is named, in this process."""
        lock = self._alone.setdefault(name, asyncio.Lock())
        self._wanted[name] = self._wanted.get(name, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._wanted[name] -= 1
            if not self._wanted[name]:
                del self._wanted[name], self._alone[name]

    async def run(self, exchange: Exchange[T]) -> T:
        """Drive an exchange to its result.

        Raises:
            HttpFailure: there is none, or too many wait; and what the exchange raises.
        """
        if self._waiting >= AT_ONCE:
            raise Unreachable("too many wait for providers already")
        if self._sender is None:
            self._sender = AsyncSender()
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._sender.run(exchange)
        except TimeoutError:
            raise Unreachable(f"no answer within {PATIENCE:.0f} seconds") from None
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """Close every connection."""
        if self._sender is not None:
            await self._sender.aclose()
