"""A PostgreSQL database as one end of a move."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from counterfoil.server.records.failures import Conflict
from counterfoil.server.storage.connection import Row, WrongStatement
from counterfoil.server.storage.migration import Migration, UnknownDatabase, shipped
from counterfoil.server.storage.moving.ends import End, MoveRefused
from counterfoil.server.storage.moving.tables import Table
from counterfoil.server.storage.postgres_connection import (
    BeginAgain,
    PostgresConnection,
    Wire,
    without_nul,
)
from counterfoil.server.storage.postgres_following import CHANNEL
from counterfoil.server.storage.postgres_locks import (
    ALONE,
    HOLD_EVERYTHING,
    LET_GO_OF_EVERYTHING,
    NUMBERING,
)
from counterfoil.server.storage.postgres_numbering import number_waiting
from counterfoil.server.storage.postgres_schema import make_tables, read_ledger
from counterfoil.server.storage.postgres_transaction import AloneTransaction

T = TypeVar("T")

_HAS_TABLES: Final = "SELECT 1 WHERE to_regclass('migrations') IS NOT NULL"
_BEGIN: Final = f"BEGIN; SELECT {ALONE}; SELECT {NUMBERING}"
_COMMIT: Final = f"NOTIFY {CHANNEL}, 'moving'; COMMIT"
_BEGIN_VIEW: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_TRIES: Final = 5
_CHAINED: Final = frozenset({"events", "audit_segments", "notices"})
"""Where other letters would be another chain."""


class PostgresEnd(End):
    """One database, over lines on which nobody is cut off for taking long."""

    def __init__(
        self, connection: PostgresConnection, wire: Wire, name: str, random: Callable[[int], bytes]
    ) -> None:
        self._postgres = connection
        self._wire = wire
        self._random = random
        self._transaction = AloneTransaction(connection, random)
        super().__init__(connection, name)

    @classmethod
    async def open(cls, url: str, name: str, random: Callable[[int], bytes]) -> "PostgresEnd":
        """Connect.

        Raises:
            StoreUnavailable: it cannot be reached.
        """
        wire = Wire(url, limited=False)
        connection = PostgresConnection(await wire.connect())
        connection.at_work = True
        return cls(connection, wire, name, random)

    async def missing(self) -> list[Migration]:
        """Give the migrations of this version that were not applied."""
        try:
            if await self._postgres.one(_HAS_TABLES) is None:
                raise MoveRefused(f"{self.name} holds no installation")
            ledger, migrations = await read_ledger(self._postgres), shipped("postgres")
            ledger.demand_known(migrations)
        except (UnknownDatabase, WrongStatement) as error:
            raise MoveRefused(f"{self.name}: {error}") from None
        return ledger.missing(migrations)

    async def make_schema(self, now: int) -> None:
        """Make the tables where nothing is; demand the newest form where something is."""
        if await self._postgres.one(_HAS_TABLES) is not None:
            return await self.demand_newest_schema()
        try:
            await make_tables(self._postgres, now)
        except WrongStatement as error:
            raise MoveRefused(
                f"{self.name}: the tables cannot be made ({error}): the user needs the right to "
                "create in the schema of a database that is empty"
            ) from None

    async def alone(self, work: Callable[[AloneTransaction], Awaitable[T]], now: int) -> T:
        """Run a work while nobody else writes, and commit; a fence is no hindrance.

        It is run anew where the engine chose somebody else's transaction: those who read may hold
        a table of which the next is wanted.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._alone(work, now)
            except BeginAgain:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _alone(self, work: Callable[[AloneTransaction], Awaitable[T]], now: int) -> T:
        connection = self._postgres
        await connection.step(_BEGIN)
        connection.now = now
        try:
            await number_waiting(connection, self._random)
            value = await work(self._transaction)
            await connection.step(_COMMIT)
        except WrongStatement as error:
            await connection.step("ROLLBACK")
            raise MoveRefused(
                f"{self.name}: {error}: the user must own the tables, to shut and open them"
            ) from None
        except Exception:
            if not connection.engine.is_closed():
                await connection.step("ROLLBACK")
            raise
        return value

    async def begin_view(self) -> None:
        """From now on read what is committed at this moment, in which nothing waits."""
        other = PostgresConnection(await self._wire.connect())
        other.at_work = True
        try:
            await other.step(HOLD_EVERYTHING)
            await other.step("BEGIN")
            await number_waiting(other, self._random)
            await other.step(_COMMIT)
            await self._postgres.step(_BEGIN_VIEW)
            await self.feed()
            await other.step(LET_GO_OF_EVERYTHING)
        finally:
            await other.close()

    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows, all or none."""
        try:
            await self._postgres.copy_in(table.name, table.columns, rows)
        except Conflict:
            raise MoveRefused(f"{self.name}: somebody else writes into {table.name}") from None

    def fitted(self, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        """Give rows without the one letter that no text here can hold."""
        if not any(_holds_nul(value) for row in rows for value in row):
            return rows
        return [self._fitted(table, row) for row in rows]

    def _fitted(self, table: Table, row: Row) -> Row:
        if not any(_holds_nul(value) for value in row):
            return row
        if table.name in _CHAINED or any(_holds_nul(value) for value in table.key_of(row)):
            raise MoveRefused(
                f"{self.name}: the row of {table.name} with the key {table.key_of(row)!r} holds "
                "the letter NUL, which PostgreSQL cannot keep and which must not be replaced"
            )
        return tuple(without_nul(value) if isinstance(value, str) else value for value in row)

    async def finish(self, tables: Sequence[Table]) -> None:
        """Let numbers that are drawn go on after the greatest; gather what queries are planned by.

        Rows that name others are held to it by the engine as they are added.
        """
        for table in tables:
            if table.numbered:
                await self._postgres.one(_go_on(table))
        await self._postgres.step("ANALYZE")

    async def wipe(self, tables: Sequence[Table]) -> None:
        """Remove every row, of what nobody has used."""
        await self._postgres.step(f"TRUNCATE {', '.join(table.name for table in tables)}")

    async def close(self) -> None:
        """Take leave."""
        await self._postgres.close()


def _holds_nul(value: object) -> bool:
    return isinstance(value, str) and "\0" in value


def _go_on(table: Table) -> str:
    column = table.key[0]
    sequence = f"pg_get_serial_sequence('{table.name}', '{column}')"
    following = f"coalesce(max({column}), 0) + 1"
    return f"SELECT setval({sequence}, {following}, false) FROM {table.name}"  # noqa: S608
