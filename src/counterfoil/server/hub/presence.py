"""That this process serves, as others see it; and whether it still may."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Final

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.server_process import LIVES, Demand, ServerProcess
from counterfoil.server.records.store import Store, Transaction

LOOK_SECONDS: Final = 1.0
"""How often a process looks whether it still may serve."""
STAY_SECONDS: Final = LIVES / 6
_LOG: Final = logging.getLogger(__name__)


class Superseded(Exception):
    """This process may not serve: the database demands a newer version."""


class Presence:
    """One process among those at a store.

    ``superseded`` says why it may serve no more; it is empty while it may.
    """

    def __init__(self, store: Store, process: ServerProcess) -> None:
        self.superseded = ""
        self._store = store
        self._process = process

    async def begin(self) -> None:
        """Tell that this process serves.

        Raises:
            Superseded: it may not.
            StoreUnavailable: it could not be told.
        """
        self._judge(await self._store.transact(self._stay, beside=True, urgent=True))
        if self.superseded:
            await self.end()
            raise Superseded(self.superseded)

    async def run(self) -> None:
        """Go on telling, and look whether a contract was announced; ends where one was."""
        told_at = asyncio.get_running_loop().time()
        while not self.superseded:
            await asyncio.sleep(LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            try:
                if now >= told_at + STAY_SECONDS:
                    await self._store.transact(self._stay, beside=True, urgent=True)
                    told_at = now
                self._judge(await self._store.read(_demanded, urgent=True))
            except StoreUnavailable:
                _LOG.debug("whether this version may serve cannot be asked at the moment")
            except Exception:
                _LOG.exception("whether this version may serve cannot be asked, and is asked again")
        _LOG.error("this server ends: %s", self.superseded)

    async def end(self) -> None:
        """Tell that this process serves no more; where that cannot be told it is seen in time."""
        with suppress(StoreUnavailable):
            await self._store.transact(self._leave, beside=True)

    async def _stay(self, tx: Transaction) -> Demand | None:
        return await tx.servers.stay(self._process)

    async def _leave(self, tx: Transaction) -> None:
        await tx.servers.leave(self._process.id)

    def _judge(self, demand: Demand | None) -> None:
        if demand is not None and demand.needs > self._process.knows:
            self.superseded = demand.sentence(self._process.knows)


async def _demanded(tx: Transaction) -> Demand | None:
    return await tx.servers.demanded()


async def announce(
    demands: list[Demand], tx: Transaction, *, end_older: bool
) -> list[ServerProcess]:
    """Announce contracts, unless a process runs that does not meet them; gives those that run.

    ``end_older``: announce them all the same; whoever does not meet them ends by itself.
    """
    older = await _older(max(each.needs for each in demands), tx)
    if end_older or not older:
        for demand in demands:
            await tx.servers.announce(demand)
    return older


async def await_end(store: Store, needs: int) -> list[ServerProcess]:
    """Wait until no process runs that knows less; gives those that would not end.

    Raises:
        StoreUnavailable: the store cannot be asked.
    """
    older = await store.read(partial(_older, needs))
    with suppress(TimeoutError):
        async with asyncio.timeout(LIVES + STAY_SECONDS):
            while older:
                await asyncio.sleep(LOOK_SECONDS / 10)
                older = await store.read(partial(_older, needs))
    return older


async def _older(needs: int, tx: Transaction) -> list[ServerProcess]:
    return [each for each in await tx.servers.every() if each.knows < needs]
