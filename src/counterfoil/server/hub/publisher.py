"""Has the feed carried by NATS: what followers are told, by one process of the installation.

The database stays the truth. Whatever the carrier does, nobody here waits for it; what it did not
take is put there later, from where it stands.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from typing import Final

from counterfoil.net.carrier import CarrierDown, Keeper
from counterfoil.oauth.feed import Position, position_from
from counterfoil.server.hub.followers import Follower
from counterfoil.server.hub.hub import Hub
from counterfoil.server.records.failures import Overloaded, StoreUnavailable
from counterfoil.server.records.lease import CARRIER
from counterfoil.server.records.store import Store

LEASE: Final = 6
"""Seconds after which another process carries on for one that has said nothing."""
RENEW: Final = 2.0
"""Seconds between two looks at who has the lease."""
PAUSE: Final = 0.02
"""Seconds between two heads out of turn: they are not free."""
AGAIN: Final = 0.25
"""Seconds before what failed is tried again; each time the wait is doubled, up to ``RENEW``."""
PATIENCE: Final = 10.0
"""Seconds for which a carrier that keeps nothing is told everything all the same.

While the servers of a cluster choose who leads them, those that listen do hear.
"""

_LOG: Final = logging.getLogger(__name__)
Opens = Callable[[], Awaitable[Keeper]]


class Standing(StrEnum):
    """How it stands with the carrier, as this process sees it."""

    CARRIES = "carries"
    STANDS_BY = "stands by"
    """Another process carries, or will."""
    DOWN = "down"


class Publisher:
    """The publisher of one process; ``holder`` names it among the processes of one store.

    ``opens`` connects to the carrier.
    """

    def __init__(self, hub: Hub, store: Store, holder: str, opens: Opens) -> None:
        self.standing = Standing.STANDS_BY
        self._hub = hub
        self._store = store
        self._holder = holder
        self._opens = opens
        self._has_lease = False
        self._renewed_at = float("-inf")
        self._failures = 0
        self._told: Position | None = None
        self._not_kept: Position | None = None

    async def run(self, clock: Callable[[], float]) -> None:
        """Carry until cancelled, whenever it is this process's turn. ``clock`` dates the heads."""
        try:
            while True:
                await self._turn(clock)
                tries = min(self._failures, 10)
                await asyncio.sleep(min(RENEW, AGAIN * 2.0 ** (tries - 1)) if tries else RENEW)
        finally:
            with suppress(StoreUnavailable):
                await self._release()

    async def _turn(self, clock: Callable[[], float]) -> None:
        try:
            if self._hub.has_ended:
                await self._let_others()
            elif await self._leads():
                await self._carry(clock)
            elif self.standing is Standing.CARRIES:
                self.standing = Standing.STANDS_BY
        except CarrierDown as error:
            await self._fail(str(error))
        except StoreUnavailable:
            self._has_lease = False  # the hub has said so in the log
        except Exception as error:
            if self.standing is not Standing.DOWN:
                _LOG.exception("the notices cannot be put into NATS, and are put there again")
            await self._fail(type(error).__name__)

    async def _fail(self, why: str) -> None:
        """Try again at once, for a connection may just have been lost; then let others try."""
        self._note_down(why)
        self._failures += 1
        if self._failures > 1:
            await self._let_others()

    async def _carry(self, clock: Callable[[], float]) -> None:
        """Put there what follows on what is there, until the lease is lost or the server ends."""
        keeper = await self._opens()
        follower = self._hub.followers.join()
        try:
            # What was told on a connection that broke may not have been heard either.
            told, self._not_kept = self._not_kept or self._told, None
            follower.position = told or await self._begin(keeper)
            failing_since = float("inf")
            while await self._leads() and not self._hub.has_ended:
                try:
                    if await self._put_next(keeper, follower, clock):
                        failing_since = float("inf")
                except CarrierDown as error:
                    now = asyncio.get_running_loop().time()
                    failing_since = min(failing_since, now)
                    if now >= failing_since + PATIENCE:
                        self._told = self._not_kept = None
                    if not keeper.is_open or self._told is None:
                        raise
                    self._note_down(str(error))
                    await asyncio.sleep(AGAIN)
        finally:
            self._hub.followers.part(follower)
            await keeper.close()

    async def _begin(self, keeper: Keeper) -> Position:
        """Find out from where to go on, after another process, or after whatever happened."""
        await keeper.prepare()
        last = position_from(await keeper.last())
        can_resume = last is not None and self._hub.backlog.can_resume(last)
        return last if last is not None and can_resume else self._hub.position

    async def _put_next(
        self, keeper: Keeper, follower: Follower, clock: Callable[[], float]
    ) -> bool:
        """Say whether there was anything to put."""
        before, told = follower.position, await self._next_for(follower, clock)
        self._told = follower.position
        if not told:
            return False
        pieces = pieces_of(told, keeper.longest)
        resumed_at = self._not_kept or before
        try:
            for piece in pieces[:-1]:
                await keeper.put(piece, str(resumed_at))
            await keeper.put(pieces[-1], str(self._not_kept or follower.position))
        except CarrierDown:
            self._not_kept = resumed_at
            raise
        if self._not_kept is not None:  # now it is kept again: what was not is put once more
            follower.position, self._not_kept = self._not_kept, None
            self._told = follower.position
        self._note_up()
        await asyncio.sleep(PAUSE)
        return True

    async def _next_for(self, follower: Follower, clock: Callable[[], float]) -> bytes:
        """Wait for what followers are told, and prove it at once; empty where nothing comes."""
        before = follower.position
        try:
            async with asyncio.timeout(RENEW):
                told = await self._hub.next_for(follower)
        except TimeoutError:
            return b""
        if not told:  # it was swept away meanwhile: guards see the gap, and ask us
            follower.position = self._hub.position
            return b""
        has_lines = follower.position != before
        return told + await self._hub.proof_for(follower, clock) if has_lines else told

    async def _leads(self) -> bool:
        """Take or keep the lease. One that cannot be renewed just now is held until it lapses."""
        now = asyncio.get_running_loop().time()
        if not self._has_lease or now >= self._renewed_at + RENEW:
            try:
                self._has_lease = await self._take(LEASE)
                self._renewed_at = now
            except Overloaded:
                if not self._has_lease or now >= self._renewed_at + LEASE - RENEW:
                    raise
        if not self._has_lease:
            self._told = self._not_kept = None  # another puts there what we know nothing of
        return self._has_lease

    async def _let_others(self) -> None:
        with suppress(StoreUnavailable):
            await self._release()

    async def _release(self) -> None:
        if self._has_lease:
            self._has_lease = False
            await self._take(0)

    async def _take(self, seconds: int) -> bool:
        return await self._store.transact(
            lambda tx: tx.leases.take(CARRIER, self._holder, seconds), beside=True, urgent=True
        )

    def _note_down(self, why: str) -> None:
        if self.standing is not Standing.DOWN:
            _LOG.warning("NATS carries no notices; guards go by this server's own feed: %s", why)
        self.standing = Standing.DOWN

    def _note_up(self) -> None:
        if self.standing is not Standing.CARRIES:
            _LOG.info("NATS carries the notices, by this process")
        self.standing = Standing.CARRIES
        self._failures = 0


def pieces_of(told: bytes, longest: int) -> list[bytes]:
    """Cut what followers are told between its events, into as few pieces as are short enough.

    An event that is longer by itself stays whole.
    """
    pieces, begun, longest = list[bytes](), 0, max(longest, 0)
    while len(told) - begun > longest:
        end = told.rfind(b"\n\n", begun, begun + longest) + 2
        if end <= begun + 1:
            end = told.find(b"\n\n", begun) + 2
        pieces.append(told[begun:end])
        begun = end
    return [*pieces, told[begun:]] if begun < len(told) else pieces
