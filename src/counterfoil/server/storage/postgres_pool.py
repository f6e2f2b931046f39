"""The connections of one process: few, each lent to one work at a time, in the order of asking."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Generic, TypeVar

from counterfoil.server.records.store import StoreUnavailable
from counterfoil.server.storage.postgres_connection import PostgresConnection, Wire

_WAIT_SECONDS: Final = 10


class _Cut(StoreUnavailable):
    """The line was cut before anything was begun on it."""


class Bound:
    """A connection, and whatever its engine binds to it once."""

    def __init__(self, connection: PostgresConnection) -> None:
        self.connection = connection


B = TypeVar("B", bound=Bound)


class Pool(Generic[B]):
    """At most ``most`` connections. ``bind`` is called once for each."""

    def __init__(self, wire: Wire, most: int, bind: Callable[[PostgresConnection], B]) -> None:
        self._wire = wire
        self._bind = bind
        self._idle: deque[B] = deque()
        self._places = asyncio.Semaphore(most)
        self._most = most
        self._closed = False

    @asynccontextmanager
    async def begun(self, opening: str) -> AsyncIterator[B]:
        """Lend a connection on which ``opening`` was run, and take it back, or drop it.

        An idle line may have been cut since: then another is taken, for nothing was begun.

        Raises:
            StoreUnavailable: the store is closed, all connections are in use for too long, or
                there is none to be had.
        """
        await self._take_place()
        try:
            lent = await self._opened(opening)
            try:
                yield lent
            except Exception:
                raise
            except BaseException:  # a question may be under way, to which nobody listens any more
                lent.connection.drop()
                raise
            finally:
                self._take_back(lent)
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        await acquire(self._places, "every connection to the database is in use")

    async def _opened(self, opening: str) -> B:
        while self._idle:
            lent = self._idle.pop()
            with suppress(_Cut):
                return await _opened(lent, opening)
        lent = self._bind(PostgresConnection(await self._wire.connect()))
        return await _opened(lent, opening)

    def _take_back(self, lent: B) -> None:
        if lent.connection.is_usable and not self._closed:
            self._idle.append(lent)
        else:
            lent.connection.drop()

    async def close(self) -> None:
        """Wait until all is given back, and let go of every connection."""
        self._closed = True
        for _ in range(self._most):
            await self._places.acquire()
        while self._idle:
            await self._idle.pop().connection.close()
        for _ in range(self._most):
            self._places.release()


async def acquire(place: asyncio.Lock | asyncio.Semaphore, otherwise: str) -> None:
    """Wait for a place, and not for ever.

    Raises:
        StoreUnavailable: there was none for too long; it says ``otherwise``.
    """
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            await place.acquire()
    except TimeoutError:
        raise StoreUnavailable(otherwise) from None


async def _opened(lent: B, opening: str) -> B:
    try:
        await lent.connection.step(opening)
    except BaseException as error:
        was_cut = lent.connection.engine.is_closed()
        lent.connection.drop()
        if was_cut and isinstance(error, StoreUnavailable):
            raise _Cut(str(error)) from error
        raise
    return lent
