"""Which guards follow at which process, and who waits for their receipts."""

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from counterfoil.oauth.feed import Position
from counterfoil.server.records.guards import (
    LIVES,
    LONGEST_MISSED,
    Following,
    GuardLine,
    LostGuard,
    Most,
    Said,
)
from counterfoil.server.storage.connection import Connection

_TELL: Final = """
INSERT INTO rolls (process, document, until) VALUES (?, ?, ?)
ON CONFLICT (process) DO UPDATE SET document = excluded.document, until = excluded.until
"""
_WITHDRAW: Final = "DELETE FROM rolls WHERE process = ?"
_EVERY: Final = "SELECT document FROM rolls WHERE until > ? ORDER BY process"
_ASK: Final = "INSERT INTO waits (id, epoch, number, until) VALUES (?, ?, ?, ?)"
_CEASE: Final = "DELETE FROM waits WHERE id = ?"
_ASKED: Final = "SELECT MAX(number) FROM waits WHERE epoch = ? AND until > ?"
_LEAVE_WORD: Final = """
INSERT INTO guards_words (follower, process, number, leaves, until)
SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM rolls WHERE process = ?)
ON CONFLICT (follower) DO UPDATE
SET number = CASE WHEN guards_words.number > excluded.number
    THEN guards_words.number ELSE excluded.number END,
    leaves = CASE WHEN guards_words.leaves > excluded.leaves
    THEN guards_words.leaves ELSE excluded.leaves END,
    until = excluded.until
"""
_HAS_WORDS: Final = "SELECT 1 FROM guards_words WHERE process = ? LIMIT 1"
_TAKE_WORDS: Final = """
DELETE FROM guards_words WHERE process = ? RETURNING follower, number, leaves
"""
_LOSE: Final = """
INSERT INTO lost_guards (name, client_id, address, policy, until)
SELECT ?, ?, ?, ?, ?
WHERE (SELECT COUNT(*) FROM lost_guards WHERE client_id = ?) < ? AND (
    ? <> '' OR (SELECT COUNT(*) FROM lost_guards WHERE client_id = '' AND address = ?) < ?
)
ON CONFLICT (name) DO UPDATE SET until = excluded.until
"""
_LOST: Final = """
SELECT name, client_id, address, policy, until FROM lost_guards WHERE until > ?
ORDER BY until, name
"""
_FOUND: Final = "DELETE FROM lost_guards WHERE name = ?"
_SWEEPS: Final = (
    "DELETE FROM rolls WHERE process IN (SELECT process FROM rolls WHERE until <= ? LIMIT ?)",
    "DELETE FROM waits WHERE id IN (SELECT id FROM waits WHERE until <= ? LIMIT ?)",
    "DELETE FROM guards_words WHERE follower IN "
    "(SELECT follower FROM guards_words WHERE until <= ? LIMIT ?)",
    "DELETE FROM lost_guards WHERE name IN (SELECT name FROM lost_guards WHERE until <= ? LIMIT ?)",
)


class GuardStatements:
    """Keeps the promises of ``Guards``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tell(self, following: Following) -> None:
        """Say how it stands with the guards of a process, in place of what it said before."""
        until = self._connection.now + LIVES
        document = msgspec.json.encode(following)
        await self._connection.run(_TELL, following.process, document, until)

    async def withdraw(self, process: str) -> None:
        """Say that a process has no guards any more."""
        await self._connection.run(_WITHDRAW, process)

    async def every(self) -> list[Following]:
        """What living processes have said."""
        rows = await self._connection.all(_EVERY, self._connection.now)
        return [msgspec.json.decode(row[0], type=Following) for row in rows]

    async def ask(self, wait: str, position: Position, until: int) -> None:
        """Note that somebody waits, until a time, for all guards to have reached a position."""
        await self._connection.run(_ASK, wait, position.epoch, position.number, until)

    async def cease(self, wait: str) -> None:
        """Note that it waits no longer."""
        await self._connection.run(_CEASE, wait)

    async def asked(self, epoch: str) -> int | None:
        """The greatest number of an epoch that anyone waits for at present."""
        row = await self._connection.one(_ASKED, epoch, self._connection.now)
        return row[0] if row is not None else None

    async def leave_word(self, process: str, said: Said) -> None:
        """Leave what a guard has said for the process that holds its line, if it has any."""
        until = self._connection.now + LIVES
        word = (said.follower, process, said.number, int(said.leaves), until, process)
        await self._connection.run(_LEAVE_WORD, *word)

    async def has_words(self, process: str) -> bool:
        """Whether anything was left for a process."""
        return await self._connection.one(_HAS_WORDS, process) is not None

    async def take_words(self, process: str) -> list[Said]:
        """Take what was left for a process: one statement, so that nothing is passed over."""
        rows = await self._connection.all(_TAKE_WORDS, process)
        return [Said(follower, number, bool(leaves)) for follower, number, leaves in rows]

    async def lose(self, guards: Iterable[LostGuard], most: Most) -> None:
        """Note guards whose lines broke: of a client, and of anonymous ones, so many."""
        for guard in guards:
            line = guard.line
            until = min(math.ceil(line.bites_at or 0), self._connection.now + LONGEST_MISSED)
            row = (guard.name, line.client_id, line.address, line.then, until)
            of_client = (line.client_id, most.in_all)
            of_address = (line.client_id, line.address, most.of_address)
            await self._connection.run(_LOSE, *row, *of_client, *of_address)

    async def lost(self) -> list[LostGuard]:
        """Those that still decide on what they knew."""
        rows = await self._connection.all(_LOST, self._connection.now)
        return [
            LostGuard(name, GuardLine(client_id=who, address=address, then=then, bites_at=until))
            for name, who, address, then, until in rows
        ]

    async def found(self, names: Iterable[str]) -> None:
        """Note that guards have come back."""
        for name in names:
            await self._connection.run(_FOUND, name)

    async def sweep(self, limit: int) -> int:
        """Remove what nobody stands behind any more."""
        swept = 0
        for statement in _SWEEPS:
            swept += await self._connection.run(statement, self._connection.now, limit)
        return swept
