"""The line to providers: what this process knows of them, and how long they are waited for.

It is opened when it is first needed: most servers have no provider.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from counterfoil.net.exchange import Exchange, drive
from counterfoil.net.http import Unreachable
from counterfoil.net.outward import OutwardClient
from counterfoil.server.settings import Settings
from counterfoil.server.upstream.issuer import Issuers

T = TypeVar("T")

PATIENCE: Final = 15.0
"""Seconds for all that is asked for one sign-in."""
AT_ONCE: Final = 32
"""So many wait for providers at once: one that hangs holds up nobody else for long."""


class Line:
    """It belongs to one event loop, and to it belongs who sends (``outward``).

    What a provider says of its endpoints is as foreign as what a client says of its own: none leads
    into a network that is not theirs. ``clock`` gives seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float], outward: OutwardClient) -> None:
        self.issuers: Final = Issuers(clock)
        self._outward = outward
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
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                return await drive(exchange, self._outward.send)
        except TimeoutError:
            raise Unreachable(f"no answer within {PATIENCE:.0f} seconds") from None
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """Close every connection."""
        await self._outward.aclose()


def line_of(settings: Settings, clock: Callable[[], float]) -> Line:
    """Give a line that leads where the settings let it."""
    networks = settings.provider_networks
    return Line(clock, OutwardClient.named(networks, here=settings.development))
