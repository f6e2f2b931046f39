"""Notices as the bytes that followers are sent: the newest in memory, older ones from the store.

Each is spelled once, and the same bytes go to every follower: what a follower costs is its place.
"""

from collections import OrderedDict, deque
from itertools import islice
from typing import Final

from msgspec import Struct

from counterfoil.net.event_stream import event
from counterfoil.oauth.feed import Position
from counterfoil.server.records.store import Store, Transaction

REMEMBERED: Final = 4096
"""Notices in memory, from which whoever fell behind a little is served."""
FURTHEST: Final = 50_000
"""How far back the feed is resumed from the store; beyond that the snapshot is shorter."""
_AT_ONCE: Final = 250
_PAGE: Final = 250
_PAGES: Final = FURTHEST // _PAGE
"""In memory at most: whoever asks for the same hour over and over costs no more reading."""
_JOINED: Final = 32


class Lines(Struct, frozen=True):
    """Some notices in a row as events, and the position of the last."""

    data: bytes
    position: Position


class Backlog:
    """All notices up to ``position``. Its memory depends on nobody's number, nor on their pace."""

    def __init__(self, store: Store) -> None:
        self.position = Position("", 0)
        self._store = store
        self._recent: deque[bytes] = deque(maxlen=REMEMBERED)
        self._joined: dict[int, Lines] = {}
        self._pages: OrderedDict[int, list[bytes]] = OrderedDict()

    def begin(self, position: Position) -> None:
        """Go on from a position, without what came before it."""
        self.position = position
        self._recent.clear()
        self._joined.clear()
        self._pages.clear()

    def extend(self, notices: list[tuple[int, bytes]]) -> None:
        """Add notices with their numbers, which follow on ours without a gap."""
        epoch = self.position.epoch
        self._recent.extend(_spelled(epoch, number, text) for number, text in notices)
        self.position = Position(epoch, notices[-1][0])
        self._joined.clear()

    def can_resume(self, cursor: Position) -> bool:
        """Whether this is a place in our history, and not too far back."""
        missing = self.position.number - cursor.number
        return cursor.epoch == self.position.epoch and 0 <= missing <= FURTHEST

    def remembered(self, cursor: Position) -> Lines | None:
        """Give what follows a cursor, from memory; ``None`` where memory does not reach so far."""
        missing = self.position.number - cursor.number
        if not 0 <= missing <= len(self._recent) or cursor.epoch != self.position.epoch:
            return None
        if not missing:
            return Lines(b"", cursor)
        lines = self._joined.get(cursor.number)
        if lines is None:
            if len(self._joined) >= _JOINED:
                self._joined.clear()
            lines = self._joined[cursor.number] = self._join(cursor, missing)
        return lines

    async def stored(self, cursor: Position) -> Lines | None:
        """Give some of what follows a cursor, from the store; ``None`` where it was swept away.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        if not self.can_resume(cursor):
            return None
        first = cursor.number - cursor.number % _PAGE
        page = self._pages.get(first)
        if page is None:
            page = await self._read_page(first, cursor)
        events = page[cursor.number - first :]
        if not events:
            return None
        return Lines(b"".join(events), Position(cursor.epoch, cursor.number + len(events)))

    def _join(self, cursor: Position, missing: int) -> Lines:
        begin = len(self._recent) - missing
        events = list(islice(self._recent, begin, begin + _AT_ONCE))
        return Lines(b"".join(events), Position(cursor.epoch, cursor.number + len(events)))

    async def _read_page(self, first: int, cursor: Position) -> list[bytes]:
        """Read the page that begins after a number; what was swept away stands there empty."""

        async def work(tx: Transaction) -> list[tuple[int, bytes]]:
            position, _ = await tx.notices.head()
            if position.epoch != cursor.epoch or await tx.notices.oldest() > cursor.number:
                return []
            return await tx.notices.after(first, _PAGE)

        last = min(first + _PAGE, self.position.number)
        rows = [row for row in await self._store.read(work) if row[0] <= last]
        page = [b""] * (rows[-1][0] - first) if rows else []
        for number, text in rows:
            page[number - first - 1] = _spelled(cursor.epoch, number, text)
        if len(rows) == _PAGE and cursor.epoch == self.position.epoch:
            self._pages[first] = page
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        return page


def _spelled(epoch: str, number: int, text: bytes) -> bytes:
    return event("notice", text, f"{epoch}:{number}")
