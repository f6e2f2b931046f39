"""Prepares a PostgreSQL database: the server's version, the migrations, the feed's beginning."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from counterfoil.oauth.feed import first_digest
from counterfoil.server.storage import migration as files
from counterfoil.server.storage.connection import WrongStatement
from counterfoil.server.storage.dialect import schema_for_postgres
from counterfoil.server.storage.migration import (
    APPLIED,
    MIGRATIONS,
    NOTE,
    Ledger,
    Migration,
    UnsupportedPostgres,
    ledger_of,
)
from counterfoil.server.storage.postgres_connection import (
    BeginAgain,
    LockHeld,
    NoRights,
    PostgresConnection,
    Wire,
)
from counterfoil.server.storage.postgres_locks import ALONE, MIGRATING
from counterfoil.server.storage.statements.fences import FIND, Demand, demand_open
from counterfoil.server.storage.statements.server_processes import ANNOUNCE, DEMANDED, NOTED

OLDEST_POSTGRES: Final = 15

_BESIDE: Final = "postgres"
_HAS_TABLES: Final = "SELECT 1 WHERE to_regclass('migrations') IS NOT NULL"
_HAS_CONTRACTS: Final = "SELECT 1 WHERE to_regclass('contracts') IS NOT NULL"
_HAS_FENCE: Final = "SELECT 1 WHERE to_regclass('fence') IS NOT NULL"
_HAS_KEYS: Final = "SELECT 1 FROM sealed LIMIT 1"
_ENCODING: Final = "SHOW server_encoding"
_FEED: Final = "SELECT 1 FROM feed"
_BEGIN_FEED: Final = """
INSERT INTO feed (one, epoch, number, digest, swept) VALUES (1, ?, 0, ?, 0)
ON CONFLICT (one) DO NOTHING
"""
_BEGIN: Final = f"BEGIN; SELECT {MIGRATING}; SET LOCAL lock_timeout = '1s'; SELECT {ALONE}"
"""Whoever waits for a table holds up all who come after: better to let go, and ask again."""
_TRIES: Final = 60
_PAUSE_SECONDS: Final = 1.0


_CANNOT_BE_MADE: Final = (
    "the tables cannot be made or read: the user needs the right to create in the schema of a "
    "database that is empty or Counterfoil's own"
)


async def is_made(wire: Wire) -> bool:
    """Say whether an installation is there: one whose keys are sealed by a master key.

    Raises:
        StoreUnavailable: the database cannot be reached.
        UnsupportedPostgres: what is there is somebody else's.
    """
    async with _at_work(wire) as connection:
        if await connection.one(_HAS_TABLES) is None:
            return False
        return await connection.one(_HAS_KEYS) is not None


async def prepare(
    wire: Wire, now: int, random: Callable[[int], bytes], demand: Demand = demand_open
) -> None:
    """Apply what is missing and only adds, and begin the feed. Safe for several at once.

    Raises:
        UnsupportedPostgres: the server cannot keep the records.
        UnknownDatabase: the database demands a newer version.
        StoreShut: a fence stands.
        StoreUnavailable: the database cannot be reached.
    """
    async with _at_work(wire) as connection:
        await _demand_server(connection)
        if await connection.one(_HAS_FENCE):
            demand(await connection.one(FIND))
        await _apply_due(connection, now)
        await _begin_feed(connection, random)


async def contract(wire: Wire, now: int) -> None:
    """Apply all that is missing, contracts too. Nobody may serve who does not meet them.

    Raises:
        UnsupportedPostgres, UnknownDatabase, StoreUnavailable: as ``prepare``.
    """
    async with _at_work(wire) as connection:
        migrations = files.shipped(_BESIDE)
        ledger = await read_ledger(connection)
        await _apply_all(connection, migrations, ledger.missing(migrations), now)


async def ledger_at(wire: Wire) -> Ledger:
    """Read what a database says of itself, and change nothing in it.

    Raises:
        StoreUnavailable: the database cannot be reached.
        UnsupportedPostgres: what is there is somebody else's.
    """
    async with _at_work(wire) as connection:
        return await read_ledger(connection)


@asynccontextmanager
async def _at_work(wire: Wire) -> AsyncIterator[PostgresConnection]:
    connection = PostgresConnection(await wire.connect())
    connection.at_work = True
    try:
        yield connection
    except WrongStatement as error:
        raise _not_ours(error) from error
    except NoRights:
        raise UnsupportedPostgres(_CANNOT_BE_MADE) from None
    finally:
        await connection.close()


async def make_tables(connection: PostgresConnection, now: int) -> None:
    """Make every table in a database that is empty; the feed is not begun.

    Raises:
        UnsupportedPostgres: the server cannot keep the records.
        WrongStatement: the user may not.
    """
    await _demand_server(connection)
    await _apply_due(connection, now)


async def _apply_due(connection: PostgresConnection, now: int) -> None:
    migrations = files.shipped(_BESIDE)
    ledger = await read_ledger(connection)
    await _apply_all(connection, migrations, ledger.due(migrations), now)


def _not_ours(error: WrongStatement) -> UnsupportedPostgres:
    return UnsupportedPostgres(f"{_CANNOT_BE_MADE} ({error})")


async def _demand_server(connection: PostgresConnection) -> None:
    version = connection.engine.get_server_version()
    if version.major < OLDEST_POSTGRES:
        raise UnsupportedPostgres(
            f"PostgreSQL {version.major} is too old; {OLDEST_POSTGRES} or newer is needed"
        )
    (encoding,) = await connection.one(_ENCODING) or ("",)
    if encoding != "UTF8":
        raise UnsupportedPostgres(
            f"the database keeps text in {encoding}; make one with ENCODING 'UTF8'"
        )


async def _apply_all(
    connection: PostgresConnection, migrations: list[Migration], due: list[Migration], now: int
) -> None:
    for migration in due:
        for tries_left in reversed(range(_TRIES)):
            try:
                await _apply(connection, migrations, migration, now)
                break
            except (LockHeld, BeginAgain):
                await connection.step("ROLLBACK")
                if not tries_left:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)


async def _apply(
    connection: PostgresConnection, migrations: list[Migration], migration: Migration, now: int
) -> None:
    await connection.step(_BEGIN)
    if not await connection.one(_HAS_TABLES):
        await connection.step(schema_for_postgres(MIGRATIONS))
    if migration in (await read_ledger(connection)).missing(migrations):
        if not migration.is_without_statements:
            await connection.step(schema_for_postgres(migration.sql))
        noted = migration.number, migration.name, migration.checksum, now
        await connection.run(NOTE, *noted)
        if migration.demand is not None:
            demand = migration.demand
            await connection.run(ANNOUNCE, demand.number, demand.needs, demand.version)
    await connection.step("COMMIT")


async def read_ledger(connection: PostgresConnection) -> Ledger:
    """Read what a database says of itself."""
    if not await connection.one(_HAS_TABLES):
        return Ledger()
    applied = await connection.all(APPLIED)
    if not await connection.one(_HAS_CONTRACTS):
        return ledger_of(applied, (), ())
    return ledger_of(applied, await connection.all(DEMANDED), await connection.all(NOTED))


async def _begin_feed(connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
    if await connection.one(_FEED) is None:
        epoch = urlsafe_b64encode(random(12)).decode("ascii")
        await connection.run(_BEGIN_FEED, epoch, first_digest(epoch))
