"""The feed: notices numbered without a gap and chained, inside the transaction that ends."""

from collections.abc import Iterable
from typing import Final

from counterfoil.oauth.feed import Position, next_digest
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.storage.connection import Connection

_FEED: Final = "SELECT epoch, number, digest, swept FROM feed"
ADD: Final = "INSERT INTO notices (number, text, until, token) VALUES (?, ?, ?, ?)"
_NAMES_TOKEN: Final = "SELECT 1 FROM notices WHERE token = ? LIMIT 1"
ADVANCE: Final = "UPDATE feed SET number = ?, digest = ?"
_AFTER: Final = "SELECT number, text FROM notices WHERE number > ? ORDER BY number LIMIT ?"
_LIVE: Final = "SELECT text FROM notices ORDER BY number"
_SWEEP: Final = """
DELETE FROM notices WHERE number IN (
    SELECT number FROM notices WHERE until <= ? ORDER BY until LIMIT ?)
RETURNING number
"""
_NOTE_SWEPT: Final = "UPDATE feed SET swept = ? WHERE swept < ?"


class NoticeStatements:
    """Keeps the promises of ``Notices``.

    The number and the digest are read from the database each time, never from memory: another
    process may have written meanwhile, and a work that is rolled back takes its numbers with it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(self, notices: Iterable[Notice]) -> Position:
        """Number, chain and store notices; gives the position of the last."""
        position, digest = await self.head()
        number = position.number
        for notice in notices:
            number, text = number + 1, notice.text()
            digest = next_digest(digest, text)
            await self._connection.run(ADD, number, text, notice.until, token_of(notice))
        if number != position.number:
            await self._connection.run(ADVANCE, number, digest)
        return Position(position.epoch, number)

    async def head(self) -> tuple[Position, str]:
        """How far the notices reach, and the digest of the chain so far."""
        epoch, number, digest, _ = await self._feed()
        return Position(epoch, number), digest

    async def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """Notices with a greater number, in order, as stored."""
        rows = await self._connection.all(_AFTER, number, limit)
        return [(row[0], row[1]) for row in rows]

    async def names_token(self, handle: str) -> bool:
        """Whether a notice that has not been swept ends the access token with this handle."""
        return await self._connection.one(_NAMES_TOKEN, handle) is not None

    async def oldest(self) -> int:
        """The greatest number that was swept away.

        Whoever stands below it cannot check the chain any more, and needs a snapshot.
        """
        _, _, _, swept = await self._feed()
        return swept

    async def live(self) -> list[bytes]:
        """All that have not been swept away, in order, as stored."""
        return [row[0] for row in await self._connection.all(_LIVE)]

    async def sweep(self, limit: int) -> int:
        """Remove those that may be forgotten, and note how far."""
        rows = await self._connection.all(_SWEEP, self._connection.now, limit)
        if rows:
            greatest = max(row[0] for row in rows)
            await self._connection.run(_NOTE_SWEPT, greatest, greatest)
        return len(rows)

    async def _feed(self) -> tuple[str, int, str, int]:
        row = await self._connection.one(_FEED)
        if row is None:
            raise LookupError("the feed was never begun")
        return row[0], row[1], row[2], row[3]


def token_of(notice: Notice) -> str | None:
    """Give the handle of the access token that a notice ends, if it ends one."""
    return notice.name if notice.kind is Ended.TOKEN else None
