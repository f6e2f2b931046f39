"""A snapshot on its way in: first its statement, which must be genuine, then its pages. No I/O."""

from collections.abc import Callable

from counterfoil.jose.jwt import MAX_BYTES
from counterfoil.oauth.snapshot import Snapshot, SnapshotPages, Unsound


class Untrusted(Exception):
    """A head or snapshot is not what the issuer signed, or cannot be read."""


class SnapshotReader:
    """Takes a snapshot in pieces of any size. ``genuine`` verifies the text of its statement.

    Nothing of it counts before all of it is here. ``now`` is in seconds since the epoch.
    """

    def __init__(self, genuine: Callable[[str], Snapshot], now: float) -> None:
        self._genuine = genuine
        self._now = now
        self._line = b""
        self._pages: SnapshotPages | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            Untrusted: where the statement is not genuine, or this is not what it says.
        """
        if self._pages is None:
            self._line += piece
            line, end, piece = self._line.partition(b"\n")
            if len(line) > MAX_BYTES:
                raise Untrusted("the snapshot does not begin with its statement")
            if not end:
                return
            self._pages = SnapshotPages(self._genuine(line.decode("ascii", "replace")), self._now)
        try:
            self._pages.feed(piece)
        except Unsound as error:
            raise Untrusted(str(error)) from None

    def pages(self) -> SnapshotPages:
        """Give what came.

        Raises:
            Untrusted: where it is not all that the statement speaks of.
        """
        if self._pages is None:
            raise Untrusted("the snapshot broke off")
        try:
            self._pages.proven()
        except Unsound as error:
            raise Untrusted(str(error)) from None
        return self._pages
