"""The sender: takes letters out of the outbox, one process at a time, and hands them to a courier.

A letter is claimed, handed over, and then forgotten. A process that dies in between leaves it, and
it is sent again under the same Message-ID: at least once, and never lost before its time.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.keys.sealing import NotSealed, Seals
from counterfoil.server.mail.courier import Courier, NotNow, Undeliverable
from counterfoil.server.mail.posting import opened, sealed
from counterfoil.server.mail.writing import Writer
from counterfoil.server.outgoing import Rounds, wait_after
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.letter import Letter, LetterKind, Waiting
from counterfoil.server.records.store import Store, Transaction

LEASE: Final = "mail"
CLAIM_SECONDS: Final = 120
"""Longer than a courier takes at most: nobody else sends a letter that is being sent."""

_TO_AN_ACCOUNT: Final = (
    LetterKind.NEW_PASSWORD,
    LetterKind.INVITED,
    LetterKind.INVITATION,
    LetterKind.MAILED_CODE,
)
"""Letters with what opens an account that is there."""
_LOG: Final = logging.getLogger(__name__)
Errand = Callable[[Transaction, Letter], Awaitable[Letter | None]]
"""Does what an errand asks for, in the transaction in which it is taken; gives the letter of it."""


class Desk(Struct, frozen=True):
    """What letters are opened with, written with, and carried away by."""

    seals: Seals
    writer: Writer
    courier: Courier


class _Claimed(Struct, frozen=True):
    """What was in the outbox, and the letter that it is; none where there is nothing to send."""

    waiting: Waiting
    letter: Letter | None = None


class Sender:
    """The sender of one process; ``holder`` names it among the processes of one store.

    ``errands`` of other rooms are done when they are taken, so that whoever asked did not wait.
    """

    def __init__(
        self, store: Store, desk: Desk, holder: str, errands: Mapping[LetterKind, Errand]
    ) -> None:
        self._store = store
        self._desk = desk
        self._holder = holder
        self._errands = errands
        self._rounds = Rounds("mail")

    def wake(self) -> None:
        """Say that something was posted here: it is not waited for the next look."""
        self._rounds.wake()

    async def run(self) -> None:
        """Send until cancelled, then leave it to others. A failure is logged, and tried again."""
        try:
            await self._rounds.run(self.tick)
        finally:
            with suppress(StoreUnavailable):
                await self._store.transact(self._leave)

    async def _leave(self, tx: Transaction) -> None:
        """Give the lease up: what waits is not to wait until it has run out."""
        await tx.leases.take(LEASE, self._holder, 0)

    async def tick(self) -> bool:
        """Take one letter that is due, and send it; says whether there was one for this process."""
        if not await self._store.read(_is_due):
            return False
        claimed = await self._store.transact(self._claim)
        if claimed is None:
            return False
        if claimed.letter is not None:
            await self._send(claimed.waiting, claimed.letter)
        return True

    async def _claim(self, tx: Transaction) -> _Claimed | None:
        if not await tx.leases.take(LEASE, self._holder, CLAIM_SECONDS):
            return None
        waiting = await tx.outbox.claim(tx.now, tx.now + CLAIM_SECONDS)
        if waiting is None:
            return None
        letter = await self._letter_in(tx, waiting)
        if letter is None:
            await tx.outbox.remove(waiting.id)
        return _Claimed(waiting, letter)

    async def _letter_in(self, tx: Transaction, waiting: Waiting) -> Letter | None:
        if waiting.expires_at <= tx.now:
            _LOG.error("letter %s was not sent in time, and is given up", waiting.id)
            return None
        try:
            letter = opened(waiting, self._desk.seals)
        except NotSealed:
            _LOG.error("letter %s was not sealed here, and is given up", waiting.id)
            return None
        errand = self._errands.get(letter.kind)
        if errand is None:
            return None if await _is_over(tx, letter) else letter
        made = await errand(tx, letter)
        if made is not None:
            # What was done must not be done again when the letter is: it waits as what it became.
            became = sealed(made, self._desk.seals)
            await tx.outbox.put(replace(waiting, sealed=became))
        return made

    async def _send(self, waiting: Waiting, letter: Letter) -> None:
        try:
            await self._desk.courier.deliver(self._desk.writer.write(letter))
        except NotNow as error:
            wait = wait_after(waiting.attempts)
            _LOG.warning("letter %s waits for %d s: %s", waiting.id, wait, error)
            await self._store.transact(partial(_postpone, waiting.id, wait))
        except Undeliverable as error:
            _LOG.error("letter %s cannot be delivered: %s", waiting.id, error)
            await self._store.transact(partial(_remove, waiting.id))
        else:
            await self._store.transact(partial(_remove, waiting.id))


async def _is_over(tx: Transaction, letter: Letter) -> bool:
    """Whether it opens nothing any more: its account is disabled, deleted, or elsewhere."""
    if letter.kind not in _TO_AN_ACCOUNT:
        return False
    user = await tx.users.find_by_email(letter.to)
    return user is None or not user.is_enabled


async def _is_due(tx: Transaction) -> bool:
    return await tx.outbox.is_due(tx.now)


async def _postpone(letter_id: str, wait: int, tx: Transaction) -> None:
    await tx.outbox.postpone(letter_id, tx.now + wait)


async def _remove(letter_id: str, tx: Transaction) -> None:
    await tx.outbox.remove(letter_id)
