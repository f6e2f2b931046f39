"""What has happened since: every process sees its own and the others' endings, and tells guards.

Nothing here is the truth: the hub reads the store whenever its version moves, and signs how far
it has read (the heads of the notices feed).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from counterfoil.jose.jwt import Signer
from counterfoil.net.event_stream import event
from counterfoil.oauth.feed import HEAD_TYPE, Head, Position
from counterfoil.oauth.revocations import ABOUT_KEYS, RevocationSet, notice_from
from counterfoil.server.hub.backlog import Backlog, Lines
from counterfoil.server.hub.followers import GROUPS, Follower, Followers, SignedHead
from counterfoil.server.records.audit import Point
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.steadiness import Steadiness
from counterfoil.server.records.store import Store, Transaction

_LOG: Final = logging.getLogger(__name__)
_PAGE: Final = 500
_POLL_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 1.0
_STUCK_SECONDS: Final = 5.0
_FORGET_SECONDS: Final = 5


class Keys(Protocol):
    """The keys of this process: they sign heads, and are loaded anew when they changed."""

    async def load(self, tx: Transaction) -> None:
        """Take the keys from the store."""

    def signer(self, purpose: Purpose, typ: str, now: int) -> Signer:
        """Give the signer whose turn it is."""


class _News(Struct, frozen=True):
    """What one look at the store gave: the head, and some notices on the way to it.

    ``anew``: they do not follow on ours, so all that live must be read.
    """

    position: Position
    digest: str
    at: int
    notices: list[tuple[int, bytes]]
    anew: bool = False

    @property
    def is_all(self) -> bool:
        return not self.notices or self.notices[-1][0] >= self.position.number


class Hub:
    """The notices as this process knows them. Made in ``opening``, run by the app's lifespan."""

    def __init__(self, issuer: str, store: Store, keyring: Keys) -> None:
        self.revocations = RevocationSet()
        self.backlog = Backlog(store)
        self.followers = Followers()
        self.digest = ""
        self.head: SignedHead | None = None
        self.has_ended = False
        self._issuer = issuer
        self._store = store
        self._keyring = keyring
        self._version = -1
        self._forgot_at = 0
        self._steadiness = Steadiness()
        self._looked_at: float | None = None
        self._catching_up = asyncio.Lock()

    @property
    def position(self) -> Position:
        """Up to where this process has read."""
        return self.backlog.position

    async def catch_up(self) -> None:
        """Read what was committed since the last look, by whichever process.

        Raises:
            StoreUnavailable: the store cannot be read; what we know may be old.
        """
        if await self._store.version_now() == self._version:
            return
        async with self._catching_up:
            version = await self._store.version_now()
            while version != self._version:
                news = await self._store.read(self._look, urgent=True)
                if news.anew:
                    await self._read_anew(news)
                else:
                    await self._take_in(news)
                if news.anew or news.is_all:
                    self._version = version
                else:
                    await asyncio.sleep(0)  # the loop stands still for a page, not for all

    async def _look(self, tx: Transaction) -> _News:
        position, digest = await tx.notices.head()
        known = self.position
        if position.epoch != known.epoch or await tx.notices.oldest() > known.number:
            return _News(position, digest, tx.now, [], anew=True)
        missing = known.number < position.number
        rows = await tx.notices.after(known.number, _PAGE) if missing else []
        return _News(position, digest, tx.now, rows)

    async def _take_in(self, news: _News) -> None:
        notices = [notice_from(text) for _, text in news.notices]
        if any(notice.kind in ABOUT_KEYS for notice in notices):
            await self._store.read(self._keyring.load, urgent=True)
        # From here on nothing is awaited and nothing can fail: followers never see half of it.
        for notice in notices:
            self.revocations.apply(notice)
        if news.notices:
            self.backlog.extend(news.notices)
            self.followers.tell_all(self._hand)
        self._have_read(news)

    async def _read_anew(self, news: _News) -> None:
        """Read all that live, page by page; what was committed meanwhile comes afterwards."""
        number = 0
        while number < news.position.number:
            after = number

            async def work(tx: Transaction, after: int = after) -> list[tuple[int, bytes]]:
                return await tx.notices.after(after, _PAGE)

            rows = await self._store.read(work)
            if not rows:
                break
            for _, text in rows:
                self.revocations.apply(notice_from(text))
            number = rows[-1][0]
            await asyncio.sleep(0)
        await self._store.read(self._keyring.load)
        self.backlog.begin(news.position)
        self.followers.wake_all()
        self._have_read(news)

    def _have_read(self, news: _News) -> None:
        if news.is_all:
            self.digest = news.digest
        trusted = self._steadiness.trusts(news.at, asyncio.get_running_loop().time())
        if trusted and abs(news.at - self._forgot_at) >= _FORGET_SECONDS:
            self._forgot_at = news.at
            self.revocations.forget(news.at)

    async def run(self, clock: Callable[[], float], head_interval_ms: int) -> None:
        """Follow the store and sign heads until cancelled. A failure is logged, and tried again.

        ``clock`` dates the heads; when they are due is told by the loop's own time, for the clock
        may be set back.
        """
        loop = asyncio.get_running_loop()
        self._looked_at = loop.time()
        turns = _Turns(head_interval_ms / 1000)
        while True:
            try:
                if self._store.version() != self._version:
                    await self.catch_up()
                due = turns.due(loop.time())
                if due and (not self._is_awaited(due) or await self._sign_head(clock)):
                    self._tell_head(due)
                    turns.took(due, loop.time())
                self.followers.drop_stuck(loop.time())
                self._looked_at = loop.time()
                await asyncio.sleep(_POLL_SECONDS)
            except StoreUnavailable as error:
                _LOG.warning("the store cannot be read; no head is signed: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception:
                _LOG.exception("the notices cannot be followed; no head is signed")
                await asyncio.sleep(_PAUSE_SECONDS)

    def is_stuck(self) -> bool:
        """Whether the store has not been followed for some seconds: no guard stays fresh by us."""
        now = asyncio.get_running_loop().time()
        return self._looked_at is not None and now > self._looked_at + _STUCK_SECONDS

    def end(self) -> None:
        """End every follower's stream: the server is about to stop."""
        self.has_ended = True
        self.followers.wake_all()

    async def _sign_head(self, clock: Callable[[], float]) -> bool:
        """Sign how far the notices reach, only after a successful read of the database."""
        before = clock()
        position, digest, audit = await self._store.read(_read_head, urgent=True)
        if position == self.position:
            reached = (self._issuer, position.epoch, position.number, digest)
            head = Head(*reached, before, audit.number, audit.digest)
            signer = self._keyring.signer(Purpose.FEED, HEAD_TYPE, int(before))
            serial = self.head.serial + 1 if self.head else 1
            data = event("head", signer.sign(head))
            self.head = SignedHead(data, position, serial, before)
        return position == self.position

    async def tell_head_now(self, clock: Callable[[], float]) -> bool:
        """Sign a head out of turn, for everyone; ``False`` where there is more to read first.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        await self.catch_up()
        if not await self._sign_head(clock):
            return False
        for group in self.followers.groups:
            group.head = self.head
        self.followers.tell_all(self._hand)
        return True

    async def proof_for(self, follower: Follower, clock: Callable[[], float]) -> bytes:
        """Sign a head out of turn, for one that has just been told notices.

        Empty where there is more to tell it first.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        if not await self._sign_head(clock) or self.head is None:
            return b""
        if self.head.position != follower.position:
            return b""
        follower.head_serial, follower.fresh_at = self.head.serial, self.head.time
        return self.head.data

    def _is_awaited(self, due: list[int]) -> bool:
        """Whether anyone waits for a head; one in each interval is signed for newcomers."""
        return 0 in due or any(self.followers.groups[number].members for number in due)

    def _tell_head(self, due: list[int]) -> None:
        for number in due:
            group = self.followers.groups[number]
            group.head = self.head
            group.tell(self._hand)

    async def next_for(self, follower: Follower) -> bytes:
        """Wait for what a follower has not been told, and give it.

        Notices come in order, then a question if there is one, then a head.

        Empty where it cannot be told more: its place is not in our history or too far back, so
        that the snapshot must be taken; or the server ends. A head is told only to whoever holds
        all that it speaks of.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        while not self.has_ended:
            follower.news.clear()
            cursor = follower.position
            if cursor is None:
                return b""
            lines = self.backlog.remembered(cursor)
            if lines is None:
                await asyncio.sleep(0)  # whoever catches up waits for its turn at each page
                lines = await self.backlog.stored(cursor)
            if lines is None:
                return b""
            told = self._told_with(follower, lines)
            told.note(follower)
            if told.data:
                return told.data
            await follower.wait()
        return b""

    def _hand(self, follower: Follower) -> bool:
        """Send one that waits what it has not been told; ``False`` where its task must do it."""
        push, cursor = follower.push, follower.position
        lines = None if push is None or cursor is None else self.backlog.remembered(cursor)
        if push is None or lines is None:
            return False
        told = self._told_with(follower, lines)
        if told.data:
            if not push(told.data):
                return False
            told.note(follower)
        return lines.position == self.position

    def _told_with(self, follower: Follower, lines: Lines) -> "_Told":
        head = self._head_for(follower, lines.position)
        data = lines.data + follower.question
        return _Told(data if head is None else data + head.data, lines.position, head)

    def _head_for(self, follower: Follower, held: Position) -> SignedHead | None:
        """Give the head whose turn it is; to a newcomer, the newest."""
        head = follower.group.head if follower.head_serial else self.head
        if head is None or head.serial <= follower.head_serial:
            return None
        if head.position.epoch != held.epoch or head.position.number > held.number:
            return None
        return head


class _Told(Struct, frozen=True):
    """What a follower is told now, and where it stands once it has been."""

    data: bytes
    position: Position
    head: SignedHead | None

    def note(self, follower: Follower) -> None:
        """Note that it has been told."""
        follower.position, follower.question = self.position, b""
        if self.head is not None:
            follower.head_serial, follower.fresh_at = self.head.serial, self.head.time


class _Turns:
    """Spreads heads over the interval: each group has its own turn."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next: list[float] = []

    def due(self, now: float) -> list[int]:
        """Say whose turn it is."""
        if not self._next:
            self._next = [now + self._interval * number / GROUPS for number in range(GROUPS)]
        return [number for number, at in enumerate(self._next) if at <= now]

    def took(self, groups: list[int], now: float) -> None:
        """Note that these had their turn."""
        for number in groups:
            late = now - self._next[number] > self._interval
            self._next[number] = (now if late else self._next[number]) + self._interval


async def _read_head(tx: Transaction) -> tuple[Position, str, Point]:
    return *await tx.notices.head(), await tx.events.last()
