"""The transactions of one PostgreSQL connection: alone, beside others, and one that only reads."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.storage.postgres_connection import BeginAgain, LockHeld, PostgresConnection
from counterfoil.server.storage.postgres_fences import PostgresFences
from counterfoil.server.storage.postgres_foreseeing import ForeseeingCodes, HeldFamilies
from counterfoil.server.storage.postgres_numbering import (
    WaitingEvents,
    WaitingNotices,
    WholeEvents,
)
from counterfoil.server.storage.postgres_pool import Bound
from counterfoil.server.storage.remembered import TABLES, RememberingTransaction
from counterfoil.server.storage.statements.fences import Demand, FenceStatements, demand_open
from counterfoil.server.storage.transaction import BoundTransaction

_STANDS: Final = """
SELECT version, state, move, other, since FROM registrations LEFT JOIN fence ON TRUE
"""
_STILL: Final = """
SELECT 1 FROM registrations
WHERE NOT EXISTS (SELECT 1 FROM fence WHERE state <> 'arrived') AND version ="""
_UNSEEN: Final = -1
_STAND: Final = "SELECT 1"
"""What PostgreSQL says of a statement that found its one row."""


class AloneTransaction(BoundTransaction):
    """Nobody else writes: what it tells of is numbered at once."""

    def __init__(self, connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection, random)
        self.events = WholeEvents(connection, random)
        self.fence: FenceStatements = PostgresFences(connection)


class BesideTransaction(RememberingTransaction):
    """Others write too: what it tells of is numbered after its commit."""

    def __init__(self, connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection, random)
        self.families: HeldFamilies = HeldFamilies(connection)
        self.authorizations: ForeseeingCodes = ForeseeingCodes(connection)
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
    """All three of a connection, bound once.

    What they remember of clients, APIs and limits is of one version of these. While a work is
    under way nobody changes them: what reads has one view, and who changes them runs alone.
    """

    def __init__(
        self,
        connection: PostgresConnection,
        random: Callable[[int], bytes],
        demand: Demand = demand_open,
    ) -> None:
        super().__init__(connection)
        self._demand = demand
        self.alone = AloneTransaction(connection, random)
        self.beside = BesideTransaction(connection, random)
        self.view = RememberingTransaction(connection, random)
        self._version = _UNSEEN
        self._stands = False
        connection.changed = self._changed

    async def begin(self, opening: str) -> None:
        """Open a transaction, and ask in the same breath whether what is remembered still stands.

        It is asked after the lock was got, for whoever held it may have changed it.
        """
        asks = f"{opening}; {_STILL} {self._version}"
        self._stands = await self.connection.step(asks) == _STAND
        self.connection.foreseen.clear()

    async def look(self) -> None:
        """Begin to work: what was remembered of other clients and APIs is forgotten.

        Raises:
            StoreShut: a fence stands.
        """
        self.connection.at_work, self.connection.wrote = True, False
        self.beside.begin()
        if not self._stands:
            row = await self.connection.one(_STANDS)
            self._demand(row[1:] if row else None)
            self._forget()
            self._version = row[0] if row else _UNSEEN

    async def undo(self, error: Exception) -> None:
        """Roll back. A line that failed is dropped: it may lead to a mere copy now."""
        if isinstance(error, StoreUnavailable) and not isinstance(error, BeginAgain | LockHeld):
            self.connection.drop()
            return
        with suppress(StoreUnavailable):
            await self.connection.step("ROLLBACK")

    def _changed(self, table: str) -> None:
        """Note that a work changed, or undid, what is remembered: it may yet be rolled back."""
        if table in TABLES or not table:
            self._version = _UNSEEN
            self._forget()

    def _forget(self) -> None:
        self.view.forget()
        self.beside.forget()
