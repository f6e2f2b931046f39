"""The snapshot of the notices: a signed statement in one line, then the notices, page by page.

The statement tells the size and the SHA-256 of what follows it, so the pages can be read in
pieces as they come, and count once the last one has proved to be what was signed. Pure.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.oauth.revocations import ABOUT_KEYS, Ended, Notice, RevocationSet

SNAPSHOT_TYPE: Final = "notices-snapshot+jwt"
MEDIA_TYPE: Final = "application/vnd.counterfoil.notices"
NOTICES_IN_PAGE: Final = 500
MOST_BYTES_IN_LINE: Final = 4 * 1024 * 1024
"""A page of the longest names that there are still fits."""


class Snapshot(Struct, frozen=True):
    """What is signed: that these notices are all that live, up to and with ``number``.

    ``digest`` is that of the chain up to there, ``time`` when it was so (seconds since the epoch).
    ``size`` (bytes) and ``sha256`` (hex) are of the pages, which hold ``count`` notices.
    """

    iss: str
    epoch: str
    number: int
    digest: str
    time: float
    count: int
    size: int
    sha256: str


class Unsound(ValueError):
    """The pages are not those that were signed, or cannot be read."""


class _Page(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Some notices. Those of tokens and families, which are many, are a name and an ``until``."""

    tokens: list[tuple[str, int]] = []
    families: list[tuple[str, int]] = []
    others: list[Notice] = []

    def __len__(self) -> int:
        return len(self.tokens) + len(self.families) + len(self.others)


def page_of(notices: Iterable[Notice]) -> bytes:
    """Spell some notices, at most ``NOTICES_IN_PAGE``, as one page: a line with its end."""
    page = _Page([], [], [])
    for notice in notices:
        match notice.kind:
            case Ended.TOKEN:
                page.tokens.append((notice.name, notice.until))
            case Ended.FAMILY:
                page.families.append((notice.name, notice.until))
            case _:
                page.others.append(notice)
    return msgspec.json.encode(page) + b"\n"


class SnapshotPages:
    """Takes in the pages that a statement speaks of, in pieces of any size.

    ``now`` is in seconds since the epoch: what may be forgotten by then is left out.
    """

    def __init__(self, statement: Snapshot, now: float) -> None:
        self.statement = statement
        self.tells_of_keys = False
        self._now = now
        self._dead = RevocationSet()
        self._count = 0
        self._missing = statement.size
        self._sum = hashlib.sha256()
        self._line = bytearray()
        self._decoder = msgspec.json.Decoder(_Page)

    def feed(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            Unsound: where this is not what was signed. What came so far is worth nothing then.
        """
        self._missing -= len(piece)
        if self._missing < 0:
            raise Unsound("more follows the snapshot's statement than it says")
        self._sum.update(piece)
        *lines, rest = piece.split(b"\n")
        for line in lines:
            self._line += line
            self._take(bytes(self._line))
            self._line.clear()
        self._line += rest
        if len(self._line) > MOST_BYTES_IN_LINE:
            raise Unsound(f"a page of the snapshot is longer than {MOST_BYTES_IN_LINE} bytes")

    @property
    def is_whole(self) -> bool:
        """Whether all has come that the statement speaks of."""
        return self._missing == 0

    def proven(self) -> RevocationSet:
        """Give all that the pages say is dead, once the last of them has come.

        Raises:
            Unsound: where this is not what was signed.
        """
        if not self.is_whole or self._line:
            raise Unsound("the snapshot broke off")
        if self._sum.hexdigest() != self.statement.sha256 or self._count != self.statement.count:
            raise Unsound("the snapshot is not what its statement says")
        return self._dead

    def _take(self, line: bytes) -> None:
        try:
            page = self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unsound(f"a page of the snapshot cannot be read: {error}") from None
        self._count += len(page)
        now = self._now
        self._dead.end_tokens(each for each in page.tokens if each[1] > now)
        self._dead.end_families(each for each in page.families if each[1] > now)
        for notice in page.others:
            if notice.kind in ABOUT_KEYS:
                self.tells_of_keys = True
            if notice.until > now:
                self._dead.apply(notice)
