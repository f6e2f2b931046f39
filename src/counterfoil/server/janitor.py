"""The janitor: turns keys and removes what has expired, unattended; one process at a time (S80)."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Final

from counterfoil.jose.keys import PrivateKey
from counterfoil.server.audit.keeping import AuditKeeper
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.steadiness import Steadiness
from counterfoil.server.records.store import Store, Transaction, Work

LEASE: Final = "janitor"
ROWS_AT_ONCE: Final = 500
"""How many rows of each kind one transaction removes, so that nobody waits for long."""
STEPS_AT_MOST: Final = 200
"""How many such transactions one round makes; the rest waits for the next."""

_LOG: Final = logging.getLogger(__name__)


class Janitor:
    """Housekeeping of one process; ``holder`` names it among the processes of one store.

    ``chores`` are works of other rooms that are done before the sweep: each does some of what is
    due and says how much that was.
    """

    def __init__(
        self, store: Store, rotation: Rotation, holder: str, chores: tuple[Work[int], ...] = ()
    ) -> None:
        self._store = store
        self._rotation = rotation
        self._holder = holder
        self._chores = chores
        self._interval = rotation.settings.sweep_interval
        self._steadiness = Steadiness()
        self._audit = AuditKeeper(store, rotation.settings)

    async def run(self) -> None:
        """Look after things until cancelled. A failure is logged, and tried again next time.

        After the clock has leapt nothing is done for a while.
        """
        while True:
            try:
                if await self._is_steady(asyncio.get_running_loop().time()):
                    await self.tick()
            except StoreUnavailable:
                _LOG.warning("housekeeping waits: the store is not available")
            except Exception:
                _LOG.exception("housekeeping failed, and is tried again")
            await asyncio.sleep(self._interval)

    async def _is_steady(self, counted: float) -> bool:
        leap = self._steadiness.leapt(await self._store.read(_now), counted)
        if leap:
            _LOG.warning(
                "the clock leapt by %d s: no key is turned and nothing is removed for an hour; "
                "set it right if it is wrong now",
                round(leap),
            )
        return not self._steadiness.holds(counted)

    async def tick(self) -> bool:
        """Turn keys, do the chores, sweep and keep the log, if this process holds the lease.

        Says whether it does.

        Raises:
            StoreUnavailable: what was done until then stands.
        """
        if not await self._store.transact(self._take_lease):
            return False
        await self._turn_keys()
        for chore in self._chores:
            await self._do(chore)
        await self._do(_sweep_some, beside=True)
        await self._audit.tick()
        return True

    def _agrees(self, tx: Transaction) -> bool:
        """Whether the clock has not leapt in the middle of a round."""
        return self._steadiness.agrees(tx.now, asyncio.get_running_loop().time())

    async def _take_lease(self, tx: Transaction) -> bool:
        lease = LEASE, self._holder, 3 * self._interval
        return self._agrees(tx) and await tx.leases.take(*lease)

    async def _turn_keys(self) -> None:
        wanted = await self._store.transact(self._rotation.wanted)
        if wanted is None:
            return
        made: Mapping[Purpose, PrivateKey] = {
            purpose: await asyncio.to_thread(self._rotation.new_key, purpose) for purpose in wanted
        }
        await self._store.transact(partial(self._rotate, made=made))

    async def _rotate(self, tx: Transaction, made: Mapping[Purpose, PrivateKey]) -> bool:
        return self._agrees(tx) and await self._rotation.rotate(tx, made)

    async def _do(self, chore: Work[int], *, beside: bool = False) -> None:
        async def work(tx: Transaction) -> int:
            return await chore(tx) if self._agrees(tx) else 0

        for _ in range(STEPS_AT_MOST):
            if not await self._store.transact(work, beside=beside):
                return
            await asyncio.sleep(0)


async def _now(tx: Transaction) -> int:
    return tx.now


async def _sweep_some(tx: Transaction) -> int:
    return await tx.sweep(ROWS_AT_ONCE)
