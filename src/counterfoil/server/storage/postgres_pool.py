"""The connections of one process: few, each lent to one work at a time, in the order of asking."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Generic, TypeVar

from msgspec import Struct

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.storage.bounded_queue import BOUNDS, Bounds
from counterfoil.server.storage.places import Places
from counterfoil.server.storage.postgres_connection import PostgresConnection, Wire


class _Cut(StoreUnavailable):
    """The line was cut before anything was begun on it."""


class Room(Struct, frozen=True):
    """How many connections there are, and who may wait for one."""

    connections: int
    bounds: Bounds = BOUNDS


class Bound:
    """A connection, and whatever its engine binds to it once."""

    def __init__(self, connection: PostgresConnection) -> None:
        self.connection = connection

    async def begin(self, opening: str) -> None:
        """Run what opens a transaction."""
        await self.connection.step(opening)


B = TypeVar("B", bound=Bound)


class Pool(Generic[B]):
    """As many connections as there are places. ``bind`` is called once for each."""

    def __init__(self, wire: Wire, room: Room, bind: Callable[[PostgresConnection], B]) -> None:
        self._wire = wire
        self._bind = bind
        self._idle: deque[B] = deque()
        self._places = Places(
            room.connections, room.bounds, "every connection to the database is in use"
        )
        self._closed = False

    @asynccontextmanager
    async def begun(self, opening: str, *, urgent: bool = False) -> AsyncIterator[B]:
        """Lend a connection on which ``opening`` was run, and take it back, or drop it.

        An idle line may have been cut since: then another is taken, for nothing was begun.

        Raises:
            Overloaded: all connections are in use for too long, or by too many.
            StoreUnavailable: the store is closed, or there is none to be had.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        await self._places.take(urgent=urgent)
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
            self._places.give_back()

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
        await self._places.take_all()
        while self._idle:
            await self._idle.pop().connection.close()


async def _opened(lent: B, opening: str) -> B:
    try:
        await lent.begin(opening)
    except BaseException as error:
        was_cut = lent.connection.engine.is_closed()
        lent.connection.drop()
        if was_cut and isinstance(error, StoreUnavailable):
            raise _Cut(str(error)) from error
        raise
    return lent
