"""Receipts: this process's guards are asked how far they hold the notices, while somebody waits.

Who waits, and what each process hears from its guards, is told through the store: the wait may be
at another process than the guard's line, and the guard's answer may come in at a third.
"""

import asyncio
import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from counterfoil.net.event_stream import event
from counterfoil.oauth.feed import Position
from counterfoil.oauth.receipts import Introduction
from counterfoil.server.hub.followers import Follower, Guard
from counterfoil.server.hub.hub import Hub
from counterfoil.server.hub.line_names import LINE_BYTES, PROCESS_BYTES, LineNames, spelled
from counterfoil.server.hub.roll import Roll
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.guards import LIVES, LostGuard, Most, Said
from counterfoil.server.records.store import Store, Transaction

_LOG: Final = logging.getLogger(__name__)
_HEARTBEAT: Final = LIVES / 8
_POLL_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 1.0
_NOBODY: Final = Position("", -1)


class Receipts:
    """What one process asks of its guards, and tells of them.

    ``key`` is that of the names of lines; ``most`` says how many lost guards are noted.
    """

    def __init__(self, hub: Hub, store: Store, key: bytes, most: Most) -> None:
        self._hub = hub
        self._store = store
        self._names = LineNames(key)
        self._most = most
        self._roll = Roll(hub.followers)
        self._process = ""
        self._asked: Position | None = None
        self._owes_head = False
        self._version = -1
        self._told_at: float | None = None
        self._changes = self._told_changes = 0
        self._telling = asyncio.Lock()

    async def run(self, clock: Callable[[], float]) -> None:
        """Ask and tell until cancelled; ``clock`` dates the heads. A failure is tried again."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.tick(clock, loop.time())
                await asyncio.sleep(_POLL_SECONDS)
            except StoreUnavailable:
                await asyncio.sleep(_PAUSE_SECONDS)  # the hub has said so in the log
            except Exception:
                _LOG.exception("guards cannot be asked for receipts, and are asked again")
                await asyncio.sleep(_PAUSE_SECONDS)

    async def tick(self, clock: Callable[[], float], now: float) -> None:
        """Look who waits, ask the guards, and tell what they have said. ``now``: the loop's time.

        Raises:
            StoreUnavailable: the store cannot be read or written.
        """
        if self._roll.is_empty:
            await self._retire()
            return
        version = self._store.version()
        if version != self._version:
            await self._look(now)
            self._version = version
        # Only now, for a guard's goodbye may have been left for this process.
        await self._lose(set(self._hub.followers.gone.values()), clock())
        if self._owes_head:
            self._owes_head = not await self._hub.tell_head_now(clock)
        is_changed = self._changes != self._told_changes
        if is_changed or self._told_at is None or now >= self._told_at + _HEARTBEAT:
            await self._tell(now)

    async def welcome(self, follower: Follower, introduction: Introduction, client_id: str) -> str:
        """Take a follower for a guard, and name its line.

        Before the first it is told in the store that this process has guards, so that nobody who
        waits overlooks them.

        Raises:
            StoreUnavailable: it could not be told.
        """

        async def draw(tx: Transaction) -> tuple[str, bytes]:
            return spelled(tx.random(PROCESS_BYTES)), tx.random(LINE_BYTES)

        process, line = await self._store.read(draw)
        self._process = self._process or process
        if self._told_at is None:
            await self._tell(asyncio.get_running_loop().time())
        guard = Guard(self._names.make(self._process, line), introduction, client_id)
        self._hub.followers.introduce(follower, guard)
        follower.question = self._question()
        self._version = -1  # it may be among the lost
        if self._asked is not None:
            self._changes += 1  # what was told does not count it
        return guard.line

    async def hear(self, said: Said, epoch: str) -> bool:
        """Take in what a guard says; ``False`` where no process has named such a line.

        What is for another process is left for it in the store: a goodbye always, all else only
        while somebody waits.

        Raises:
            StoreUnavailable: it could not be left.
        """
        process = self._names.process_in(said.follower)
        if process is None:
            return False
        if process == self._process:
            self._take(said, epoch)
        elif said.leaves or await self._is_asked(epoch):
            await self._store.transact(lambda tx: tx.guards.leave_word(process, said))
        return True

    async def close(self, now: float) -> None:
        """Let go of all guards: the process ends. ``now`` in seconds since the epoch.

        Raises:
            StoreUnavailable: it could not be told, and lapses by itself.
        """
        followers = self._hub.followers
        await self._lose({*followers.gone.values(), *followers.guards.values()}, now)
        await self._retire()

    async def _look(self, now: float) -> None:
        await self._hub.catch_up()
        epoch = self._hub.position.epoch

        async def read(tx: Transaction) -> tuple[int | None, bool, list[LostGuard]]:
            has_words = await tx.guards.has_words(self._process)
            return await tx.guards.asked(epoch), has_words, await tx.guards.lost()

        number, has_words, lost = await self._store.read(read)
        returned = self._roll.returned(lost)
        if returned:
            await self._tell(now)  # first: till it is counted here it must be missed
        if has_words or returned:
            for said in await self._store.transact(lambda tx: self._settle(tx, returned)):
                self._take(said, epoch)
        wanted = None if number is None else Position(epoch, number)
        if wanted != self._asked:
            self._asked = wanted
            self._changes += 1
            self._ask()

    async def _is_asked(self, epoch: str) -> bool:
        return await self._store.read(lambda tx: tx.guards.asked(epoch)) is not None

    async def _settle(self, tx: Transaction, returned: list[str]) -> list[Said]:
        await tx.guards.found(returned)
        return await tx.guards.take_words(self._process)

    def _ask(self) -> None:
        """Ask every guard. With a head it need not wait for the next to know what is proved."""
        for follower in self._hub.followers.guards.values():
            follower.question = self._question()
        self._owes_head = self._asked is not None

    def _question(self) -> bytes:
        if self._asked is None:
            return b""
        return event("acknowledge", str(self._asked).encode("ascii"))

    def _take(self, said: Said, epoch: str) -> None:
        follower = self._roll.known(said.follower)
        if follower is None:
            return
        follower.says_goodbye = follower.says_goodbye or said.leaves
        known = follower.acknowledged
        if known is None or known.epoch != epoch or known.number < said.number:
            follower.acknowledged = Position(epoch, said.number)
            if self._asked is not None:
                self._changes += 1

    async def _lose(self, gone: AbstractSet[Follower], now: float) -> None:
        lost = self._roll.missing(gone, now) if gone else []
        if lost:
            await self._store.transact(lambda tx: tx.guards.lose(lost, self._most))
        self._hub.followers.note_gone(gone)

    async def _tell(self, now: float) -> None:
        async with self._telling:
            changes = self._changes
            following = self._roll.following(self._process, self._asked or _NOBODY)
            await self._store.transact(lambda tx: tx.guards.tell(following))
            self._told_at, self._told_changes = now, changes

    async def _retire(self) -> None:
        """Tell that there are no guards here any more, unless one has come meanwhile."""
        if self._told_at is None:
            return
        async with self._telling:
            if not (self._roll.is_empty or self._hub.has_ended):
                return
            told_at, self._told_at, self._asked = self._told_at, None, None
            try:
                await self._store.transact(lambda tx: tx.guards.withdraw(self._process))
            except BaseException:
                self._told_at = told_at  # it stands there yet
                raise
