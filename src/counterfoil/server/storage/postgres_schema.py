"""Prepares a PostgreSQL database: the server's version, the migrations, the feed's beginning."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from counterfoil.oauth.feed import first_digest
from counterfoil.server.storage.connection import WrongStatement
from counterfoil.server.storage.dialect import schema_for_postgres
from counterfoil.server.storage.migration import (
    APPLIED,
    MIGRATIONS,
    NOTE,
    Migration,
    UnsupportedPostgres,
    shipped,
    still_missing,
)
from counterfoil.server.storage.postgres_connection import PostgresConnection, Wire
from counterfoil.server.storage.postgres_locks import MIGRATING

OLDEST_POSTGRES: Final = 15

_HAS_TABLES: Final = "SELECT 1 WHERE to_regclass('migrations') IS NOT NULL"
_HAS_KEYS: Final = "SELECT 1 FROM sealed LIMIT 1"
_ENCODING: Final = "SHOW server_encoding"
_FEED: Final = "SELECT 1 FROM feed"
_BEGIN_FEED: Final = """
INSERT INTO feed (one, epoch, number, digest, swept) VALUES (1, ?, 0, ?, 0)
ON CONFLICT (one) DO NOTHING
"""


async def is_made(wire: Wire) -> bool:
    """Say whether an installation is there: one whose keys are sealed by a master key.

    Raises:
        StoreUnavailable: the database cannot be reached.
        UnsupportedPostgres: what is there is somebody else's.
    """
    connection = PostgresConnection(await wire.connect())
    try:
        connection.at_work = True
        if await connection.one(_HAS_TABLES) is None:
            return False
        return await connection.one(_HAS_KEYS) is not None
    except WrongStatement as error:
        raise _not_ours(error) from error
    finally:
        await connection.close()


async def prepare(wire: Wire, now: int, random: Callable[[int], bytes]) -> None:
    """Bring the database to the newest form and begin its feed. Safe for several at once.

    Raises:
        UnsupportedPostgres: the server cannot keep the records.
        UnknownDatabase: the database is newer than the code.
        StoreUnavailable: the database cannot be reached.
    """
    connection = PostgresConnection(await wire.connect())
    connection.at_work = True
    try:
        await _demand_server(connection)
        await _migrate(connection, shipped("postgres"), now)
        await _begin_feed(connection, random)
    except WrongStatement as error:
        raise _not_ours(error) from error
    finally:
        await connection.close()


def _not_ours(error: WrongStatement) -> UnsupportedPostgres:
    return UnsupportedPostgres(
        f"the tables cannot be made or read ({error}): the user needs the right to create in the "
        "schema of a database that is empty or Counterfoil's own"
    )


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


async def _migrate(connection: PostgresConnection, migrations: list[Migration], now: int) -> None:
    if not await _missing(connection, migrations):
        return
    for migration in migrations:
        await connection.step(f"BEGIN; SELECT {MIGRATING}")
        await _apply(connection, migrations, migration, now)
        await connection.step("COMMIT")


async def _apply(
    connection: PostgresConnection, migrations: list[Migration], migration: Migration, now: int
) -> None:
    if not await connection.one(_HAS_TABLES):
        await connection.step(schema_for_postgres(MIGRATIONS))
    if migration not in await _missing(connection, migrations):
        return
    await connection.step(schema_for_postgres(migration.sql))
    noted = migration.number, migration.name, migration.checksum, now
    await connection.run(NOTE, *noted)


async def _missing(connection: PostgresConnection, migrations: list[Migration]) -> list[Migration]:
    if not await connection.one(_HAS_TABLES):
        return migrations
    applied = [(row[0], row[1], row[2]) for row in await connection.all(APPLIED)]
    return still_missing(applied, migrations)


async def _begin_feed(connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
    if await connection.one(_FEED) is None:
        epoch = urlsafe_b64encode(random(12)).decode("ascii")
        await connection.run(_BEGIN_FEED, epoch, first_digest(epoch))
