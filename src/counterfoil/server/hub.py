"""What has happened since: every process sees its own and the others' endings, and tells guards.

Nothing here is the truth: the hub reads the store whenever its version moves, and signs how far
it has read (the heads of the notices feed).
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

import msgspec

from counterfoil.jose.jwt import Signer
from counterfoil.oauth.feed import HEAD_TYPE, SNAPSHOT_TYPE, Head, Position, Snapshot
from counterfoil.oauth.revocations import Ended, RevocationSet, notice_from
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Store, StoreUnavailable, Transaction

_LOG: Final = logging.getLogger(__name__)
_REMEMBERED: Final = 1024
_PAGE: Final = 500
_POLL_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 1.0
_STUCK_SECONDS: Final = 5.0


class Keys(Protocol):
    """The keys of this process: they sign heads, and are loaded anew when they changed."""

    async def load(self, tx: Transaction) -> None:
        """Take the keys from the store."""

    def signer(self, purpose: Purpose, typ: str, now: int) -> Signer:
        """Give the signer whose turn it is."""


class Told(msgspec.Struct, frozen=True):
    """What followers are told: a notice's text with its position, or a signed head without."""

    position: Position | None
    data: bytes


class _News(msgspec.Struct, frozen=True):
    """What one look at the store gave: the head, and the notices up to it."""

    position: Position
    digest: str
    at: int
    notices: list[tuple[int, bytes]]
    whole: bool


class Hub:
    """The notices as this process knows them. Made in ``assembly``, run by the app's lifespan."""

    def __init__(self, issuer: str, store: Store, keyring: Keys) -> None:
        self.revocations = RevocationSet()
        self.position = Position("", 0)
        self.digest = ""
        self._issuer = issuer
        self._store = store
        self._keyring = keyring
        self._version = -1
        self._recent: deque[Told] = deque(maxlen=_REMEMBERED)
        self._head: bytes = b""
        self._snapshot = (self.position, 0, b"")
        self._looked_at: float | None = None
        self.followers = 0
        self.has_ended = False
        self._moved = asyncio.Event()
        self._catching_up = asyncio.Lock()

    async def catch_up(self) -> None:
        """Read what was committed since the last look, by whichever process (§4.12).

        Raises:
            StoreUnavailable: the store cannot be read; what we know may be old.
        """
        if self._store.version() == self._version:
            return
        async with self._catching_up:
            version = self._store.version()
            if version != self._version:
                await self._take_in(await self._store.read(self._look))
                self._version = version

    async def _look(self, tx: Transaction) -> _News:
        position, digest = await tx.notices.head()
        known = self.position
        whole = position.epoch != known.epoch or await tx.notices.oldest() > known.number
        if whole:
            texts = await tx.notices.live()
            return _News(position, digest, tx.now, [(0, text) for text in texts], True)
        rows: list[tuple[int, bytes]] = []
        while known.number + len(rows) < position.number:
            page = await tx.notices.after(rows[-1][0] if rows else known.number, _PAGE)
            if not page:
                break
            rows += page
        return _News(position, digest, tx.now, rows, False)

    async def _take_in(self, news: _News) -> None:
        notices = [notice_from(text) for _, text in news.notices]
        if news.whole or any(notice.kind in _ABOUT_KEYS for notice in notices):
            await self._store.read(self._keyring.load)
        # From here on nothing is awaited and nothing can fail: followers never see half of it.
        if news.whole:
            self._recent.clear()
        else:
            epoch = news.position.epoch
            self._recent.extend(Told(Position(epoch, n), text) for n, text in news.notices)
        for notice in notices:
            self.revocations.apply(notice)
        if news.position != self.position:
            self.position, self.digest = news.position, news.digest
            self._move()
        self.revocations.forget(news.at)

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def run(self, clock: Callable[[], float], head_interval_ms: int) -> None:
        """Follow the store and sign heads until cancelled. A failure is logged, and tried again.

        ``clock`` dates the heads; when they are due is told by the loop's own time, for the clock
        may be set back.
        """
        loop = asyncio.get_running_loop()
        self._looked_at = loop.time()
        next_head = 0.0
        while True:
            try:
                await self.catch_up()
                if loop.time() >= next_head and await self._sign_head(clock):
                    next_head = loop.time() + head_interval_ms / 1000
                self._looked_at = loop.time()
                await asyncio.sleep(_POLL_SECONDS)
            except StoreUnavailable:
                _LOG.warning("the store cannot be read; no head is signed")
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
        self._move()

    async def _sign_head(self, clock: Callable[[], float]) -> bool:
        """Sign how far the notices reach, only after a successful read of the database."""
        before = clock()
        position, digest = await self._store.read(_read_head)
        if position == self.position:
            head = Head(self._issuer, position.epoch, position.number, digest, before)
            signer = self._keyring.signer(Purpose.FEED, HEAD_TYPE, int(before))
            self._head = signer.sign(head).encode("ascii")
            self._move()
        return position == self.position

    async def snapshot(self, clock: Callable[[], float]) -> bytes:
        """Sign all notices that are alive, with the position that they reach."""
        before = clock()
        position, second, signed = self._snapshot
        if position == self.position and second == int(before):
            return signed

        async def work(tx: Transaction) -> tuple[Position, str, list[bytes]]:
            position, digest = await tx.notices.head()
            return position, digest, await tx.notices.live()

        position, digest, texts = await self._store.read(work)
        notices = tuple(text.decode() for text in texts)
        snapshot = Snapshot(self._issuer, position.epoch, position.number, digest, before, notices)
        signer = self._keyring.signer(Purpose.FEED, SNAPSHOT_TYPE, int(before))
        self._snapshot = position, int(before), signer.sign(snapshot).encode("ascii")
        return self._snapshot[2]

    async def follow(self, cursor: Position) -> AsyncIterator[Told]:
        """Tell every notice after a cursor, in order, and every new head, for ever.

        Ends when the cursor cannot be resumed from memory (the follower takes the snapshot), and
        when the server does.
        """
        self.followers += 1
        try:
            async for told in self._tell(cursor):
                yield told
        finally:
            self.followers -= 1

    async def _tell(self, cursor: Position) -> AsyncIterator[Told]:
        told_head = b""
        while not self.has_ended:
            moved = self._moved
            backlog = self._after(cursor)
            if backlog is None:
                return
            for told in backlog:
                yield told
                cursor = told.position or cursor
            if self._head is not told_head:
                told_head = self._head
                yield Told(None, told_head)
            await moved.wait()

    def _after(self, cursor: Position) -> list[Told] | None:
        """Give the notices after a cursor from memory; ``None`` where it reaches too far back."""
        missing = self.position.number - cursor.number
        if cursor.epoch != self.position.epoch or not 0 <= missing <= len(self._recent):
            return None
        return list(self._recent)[len(self._recent) - missing :]


_ABOUT_KEYS: Final = frozenset({Ended.KEYS_CHANGED, Ended.KEY})


async def _read_head(tx: Transaction) -> tuple[Position, str]:
    return await tx.notices.head()
