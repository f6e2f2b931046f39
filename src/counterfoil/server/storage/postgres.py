"""The store on PostgreSQL: one connection for each transaction, many transactions at once."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from counterfoil.server.records.failures import StoreShut, StoreUnavailable
from counterfoil.server.records.store import Store, Transaction, Work
from counterfoil.server.storage.places import Places
from counterfoil.server.storage.postgres_connection import BeginAgain, PostgresConnection, Wire
from counterfoil.server.storage.postgres_following import Following
from counterfoil.server.storage.postgres_locks import ALONE, BESIDE, NUMBERING
from counterfoil.server.storage.postgres_numbering import number_waiting
from counterfoil.server.storage.postgres_pool import Pool, Room
from counterfoil.server.storage.postgres_schema import prepare
from counterfoil.server.storage.postgres_sharing import COMMIT, run_together
from counterfoil.server.storage.postgres_transaction import Transactions
from counterfoil.server.storage.statements.fences import Demand, demand_open
from counterfoil.server.storage.together import Outcome, Service, Together

T = TypeVar("T")

ROOM: Final = Room(10)

_LOG: Final = logging.getLogger(__name__)
_TRIES: Final = 20
_FEW_WHO_READ: Final = 4
"""They hold nobody up, and a view of their own would cost each more than to wait for the others."""
_BEGIN_ALONE: Final = f"BEGIN; SELECT {ALONE}; SELECT {NUMBERING}"
_BEGIN_BESIDE: Final = f"BEGIN; SELECT {BESIDE}"
# Together nobody waits for a row while holding others: they might wait in a circle.
_BEGIN_TOGETHER: Final = f"{_BEGIN_BESIDE}; SET LOCAL lock_timeout = '50ms'"
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class PostgresStore(Store):
    """Keeps the promises of ``Store`` in a database that several processes share.

    It belongs to the event loop in which it was opened. Of its room a third of the connections are
    for works that only read, for these must not wait behind one that holds up the others; two more
    are its own. Works that wait for a connection share a transaction when they get one.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        room: Room,
        demand: Demand = demand_open,
    ) -> None:
        self._clock = clock
        self._random = random
        reading = max(room.connections // 3, 1)
        writing = max(room.connections - reading, 1)

        def bind(engine: PostgresConnection) -> Transactions:
            return Transactions(engine, random, demand)

        self._reading, self._writing = (
            Pool(wire, Room(each, room.bounds), bind) for each in (reading, writing)
        )
        self._following = Following(wire, random, demand)
        read = Service(self._read, self._read_together)
        self._readings = Together(reading, read, room.bounds, _FEW_WHO_READ)
        beside = Service(self._retried, self._beside_together)
        self._besides = Together(writing, beside, room.bounds)
        self._one_alone = Places(1, room.bounds, "too many works wait to run alone")
        self._begun: set[asyncio.Task[object]] = set()
        self._closed = False

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        room: Room = ROOM,
        demand: Demand = demand_open,
    ) -> "PostgresStore":
        """Open the database, and bring it to the newest form.

        ``clock`` gives seconds since the epoch, ``random`` so many random bytes; ``demand`` says
        which fences are none.

        Raises:
            UnsupportedPostgres: the server is too old, or cannot keep the records.
            UnknownDatabase: the database demands a newer version.
            StoreUnavailable: the database cannot be reached.
        """
        await prepare(Wire(url, limited=False), int(clock()), random, demand)
        store = cls(Wire(url), clock=clock, random=random, room=room, demand=demand)
        try:
            await store._following.begin()
        except BaseException:
            await store.close()
            raise
        return store

    async def transact(self, work: Work[T], *, beside: bool = False, urgent: bool = False) -> T:
        """Run a work alone, or beside others that are so called, and commit.

        A caller that is cancelled breaks nothing; its work, if it was begun, stands.

        Raises:
            Overloaded: too many wait, or this one has waited for too long.
            StoreUnavailable: the commit failed; see the promise.
        """
        self._demand_open()
        if beside:
            value: T = await self._besides.ask(work, urgent=urgent)
            return value
        task = asyncio.ensure_future(self._retried(work, beside=False))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return await asyncio.shield(task)

    async def _retried(self, work: Work[T], *, beside: bool = True) -> T:
        for tries_left in reversed(range(_TRIES)):
            try:
                return await (self._beside(work) if beside else self._alone(work))
            except BeginAgain:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _alone(self, work: Work[T]) -> T:
        # One connection waits for its turn in the database, not all that there are.
        await self._one_alone.take()
        try:
            async with self._writing.begun(_BEGIN_ALONE, urgent=True) as lent:
                await lent.look()
                await number_waiting(lent.connection, self._random)
                value = await self._committed(lent, lent.alone, work)
                wrote = lent.connection.wrote
        finally:
            self._one_alone.give_back()
        if wrote:
            self._following.move()
        return value

    async def _beside(self, work: Work[T]) -> T:
        async with self._writing.begun(_BEGIN_BESIDE) as lent:
            await lent.look()
            value = await self._committed(lent, lent.beside, work)
            left = lent.beside.left_anything
        if left:
            await self._number()
        return value

    async def _beside_together(self, works: Sequence[Work[object]]) -> list[Outcome]:
        async with self._writing.begun(_BEGIN_TOGETHER) as lent:
            await lent.look()
            outcomes = await run_together(lent, lent.beside, works, self._run)
            left = lent.beside.left_anything
        if left:
            await self._number()
        return outcomes

    async def _number(self) -> None:
        try:
            await self._following.number()
        except StoreUnavailable as error:
            # What was committed stands; whoever can will number it.
            _LOG.warning("notices and events wait for their numbers: %s", error)
        except Exception:  # for the same reason: no error may say that nothing was stored
            _LOG.exception("notices and events cannot be given their numbers")

    async def read(self, work: Work[T], *, urgent: bool = False) -> T:
        """Run a work that only reads, on one consistent view of what was committed.

        Raises:
            Overloaded: too many wait, or this one has waited for too long.
            StoreUnavailable: the database cannot be read.
        """
        self._demand_open()
        value: T = await self._readings.ask(work, urgent=urgent)
        return value

    async def glance(self, work: Work[T]) -> T:
        """Run a work that asks for nothing but decisions; they are remembered by connection.

        Raises:
            Overloaded, StoreUnavailable: as ``read`` does.
        """
        return await self.read(work)

    async def _read(self, work: Work[T]) -> T:
        async with self._reading.begun(_BEGIN_READING) as lent:
            await lent.look()
            return await self._committed(lent, lent.view, work)

    async def _read_together(self, works: Sequence[Work[object]]) -> list[Outcome]:
        async with self._reading.begun(_BEGIN_READING) as lent:
            await lent.look()
            return await run_together(lent, lent.view, works, self._run)

    async def _run(self, lent: Transactions, transaction: Transaction, work: Work[T]) -> T:
        connection = lent.connection
        connection.now = int(self._clock())
        connection.at_work = True
        try:
            return await work(transaction)
        finally:
            connection.at_work = False

    async def _committed(self, lent: Transactions, transaction: Transaction, work: Work[T]) -> T:
        connection = lent.connection
        try:
            value = await self._run(lent, transaction, work)
        except Exception as error:
            await lent.undo(error)
            raise
        tells = transaction is lent.alone and connection.wrote
        if await connection.step(self._following.telling if tells else COMMIT) != COMMIT:
            raise StoreUnavailable("the database had given up the transaction")
        return value

    def version(self) -> int:
        """A number that changes when anyone has committed what others follow.

        Raises:
            StoreShut: a fence stands.
            StoreUnavailable: the store is closed.
        """
        self._demand_open()
        return self._following.version

    async def version_now(self) -> int:
        """Ask the database for the version.

        Raises:
            StoreUnavailable: it does not say.
        """
        self._demand_not_closed()
        return await self._following.version_now()

    def _demand_not_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _demand_open(self) -> None:
        self._demand_not_closed()
        if self._following.shut is not None:
            raise StoreShut(str(self._following.shut))

    async def close(self) -> None:
        """Finish what was begun, and let go of every connection."""
        if self._closed:
            return
        self._closed = True
        if self._begun:
            await asyncio.wait(self._begun)
        await self._besides.finish()
        await self._readings.finish()
        await self._writing.close()
        await self._reading.close()
        await self._following.close()
