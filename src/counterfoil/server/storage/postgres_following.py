"""What this process knows of the others at its PostgreSQL database: a version that moves.

One connection listens, asks what stands now, and numbers what was left to be numbered.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from counterfoil.server.records.failures import StoreShut, StoreUnavailable
from counterfoil.server.storage.coalesced import Coalesced
from counterfoil.server.storage.connection import Row
from counterfoil.server.storage.postgres_connection import PostgresConnection, Wire
from counterfoil.server.storage.postgres_locks import NUMBERING
from counterfoil.server.storage.postgres_numbering import number_waiting
from counterfoil.server.storage.statements.fences import Demand, demand_open

CHANNEL: Final = "counterfoil"
_LOG: Final = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.1
_BREATH_SECONDS: Final = 0.005
_PAUSE_SECONDS: Final = 1.0
_TRIES_TO_NUMBER: Final = 5
_STANDS: Final = """
SELECT feed.epoch, feed.number, registrations.version,
    (SELECT max(number) FROM issued_tokens),
    EXISTS (SELECT 1 FROM notices_waiting), EXISTS (SELECT 1 FROM events_waiting),
    state, move, other, since
FROM feed CROSS JOIN registrations LEFT JOIN fence ON TRUE
"""


class _Waiting(NamedTuple):
    """Whether anything waits to be numbered."""

    notices: bool
    events: bool


class Line:
    """A connection of one purpose, opened when it is needed, anew when it was cut.

    ``listener`` is called with the name of whoever has told of a commit, and with no name when the
    line is new: nobody knows what was told before.
    """

    def __init__(self, wire: Wire, listener: Callable[[str], None] | None = None) -> None:
        self._wire = wire
        self._listener = listener
        self._connection: PostgresConnection | None = None

    async def open(self) -> PostgresConnection:
        """Give the connection.

        Raises:
            StoreUnavailable: there is none to be had.
        """
        if self._connection is None or self._connection.engine.is_closed():
            connection = PostgresConnection(await self._wire.connect())
            connection.at_work = True
            self._connection = connection
            if self._listener is not None:
                await connection.listen(CHANNEL, self._listener)
                self._listener("")
        return self._connection

    def drop(self) -> None:
        """Let go of the line at once: the next one who needs it opens another."""
        if self._connection is not None:
            self._connection.drop()
            self._connection = None

    async def close(self) -> None:
        """Take leave."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


class Following:
    """The version as this process knows it. ``random`` gives the salts of audit lines."""

    def __init__(
        self, wire: Wire, random: Callable[[int], bytes], demand: Demand = demand_open
    ) -> None:
        self.version = 0
        self._demand = demand
        self.name = random(8).hex()
        self.shut: StoreShut | None = None
        self._random = random
        self._stands: Row | None = None
        self._woken = asyncio.Event()
        self._asking = Line(wire, self._hear)
        self._numbering = Line(wire)
        self._ask = Coalesced(self._asked)
        self._number = Coalesced(self._numbered)
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Ask once, and follow from now on.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        await self._ask.ask()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for coalesced, line in ((self._ask, self._asking), (self._number, self._numbering)):
            await coalesced.finish()
            await line.close()

    async def version_now(self) -> int:
        """Ask the database. Those who come at the same time ask together.

        What has ended and waits for its number is numbered first: who ended it may have died.

        Raises:
            StoreUnavailable: it does not say.
        """
        if (await self._ask.ask()).notices:
            await self.number()
            await self._ask.ask()
        return self.version

    def move(self) -> None:
        """Note that something was committed."""
        self.version += 1

    @property
    def telling(self) -> str:
        """The statements that tell the others of a commit, and commit."""
        return f"NOTIFY {CHANNEL}, '{self.name}'; COMMIT"

    def _hear(self, name: str) -> None:
        if name != self.name:
            self.move()
            self._woken.set()

    async def number(self) -> None:
        """Have everything numbered that was committed before this call.

        Raises:
            StoreUnavailable: that cannot be done now; it will be, by whoever can.
        """
        for _ in range(_TRIES_TO_NUMBER):
            with suppress(StoreUnavailable):
                return await self._number.ask()
        return await self._number.ask()

    async def _asked(self) -> _Waiting:
        """Ask what stands, and what waits."""
        try:
            row = await (await self._asking.open()).one(_STANDS)
        except BaseException:
            self._asking.drop()
            self.move()  # whoever follows asks, and learns that nobody can say
            raise
        if row is None:
            raise StoreUnavailable("the feed was never begun")
        self.shut = None
        try:
            self._demand(row[6:])
        except StoreShut as error:
            self.shut = error
            self.move()
            raise
        if row[:4] != self._stands:
            self._stands = row[:4]
            self.move()
        return _Waiting(row[4], row[5])

    async def _numbered(self) -> None:
        try:
            connection = await self._numbering.open()
            await connection.step(f"BEGIN; SELECT {NUMBERING}")
            any_waited = await number_waiting(connection, self._random)
            await connection.step(self.telling if any_waited else "COMMIT")
        except BaseException:
            self._numbering.drop()
            raise
        if any_waited:
            self.move()

    async def _follow(self) -> None:
        """Wake when others tell, and look by and by all the same."""
        while True:
            self._woken.clear()
            try:
                if any(await self._ask.ask()):
                    await self._number.ask()
                await asyncio.sleep(_BREATH_SECONDS)  # however much others tell
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await self._woken.wait()
            except StoreUnavailable as error:
                _LOG.warning("the database cannot be followed at the moment: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception:
                _LOG.exception("the database cannot be followed")
                await asyncio.sleep(_PAUSE_SECONDS)
