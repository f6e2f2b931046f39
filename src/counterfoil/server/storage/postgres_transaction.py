"""The transactions of one PostgreSQL connection: alone, beside others, and one that only reads."""

from collections.abc import Callable
from typing import Final

from counterfoil.server.storage.postgres_connection import PostgresConnection
from counterfoil.server.storage.postgres_numbering import (
    WaitingEvents,
    WaitingNotices,
    WholeEvents,
)
from counterfoil.server.storage.postgres_pool import Bound
from counterfoil.server.storage.remembered import ReadingTransaction
from counterfoil.server.storage.statements.families import FamilyStatements
from counterfoil.server.storage.transaction import BoundTransaction

_REGISTRATIONS: Final = "SELECT version FROM registrations"


class AloneTransaction(BoundTransaction):
    """Nobody else writes: what it tells of is numbered at once."""

    def __init__(self, connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection, random)
        self.events = WholeEvents(connection, random)


class HeldFamilies(FamilyStatements):
    """Families that nobody else changes, from when they are read until the commit.

    Otherwise one could be refreshed while it is ended, by a token that outlives its notice.
    """

    holding = " FOR NO KEY UPDATE OF families"


class BesideTransaction(BoundTransaction):
    """Others write too: what it tells of is numbered after its commit."""

    def __init__(self, connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection, random)
        self.families: FamilyStatements = HeldFamilies(connection)
        self.notices: WaitingNotices = WaitingNotices(connection)
        self.events: WaitingEvents = WaitingEvents(connection, random)

    def begin(self) -> None:
        """Forget what an earlier work left."""
        self.notices.left = self.events.left = False

    @property
    def left_anything(self) -> bool:
        """Whether the work left something to be numbered."""
        return self.notices.left or self.events.left


class Transactions(Bound):
    """All three of a connection, bound once."""

    def __init__(self, connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection)
        self.alone = AloneTransaction(connection, random)
        self.beside = BesideTransaction(connection, random)
        self.view = ReadingTransaction(connection, random)

    async def look(self) -> None:
        """Begin to read: what was remembered of other clients and APIs is forgotten."""
        row = await self.connection.one(_REGISTRATIONS)
        self.view.see(row[0] if row else -1)
