"""Preparing a PostgreSQL database: several at once, the wrong server, no rights, the future."""

import asyncio
import secrets
import signal
from collections.abc import Iterator

import asyncpg
import pytest

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.storage import postgres_schema
from counterfoil.server.storage.migration import UnknownDatabase, UnsupportedPostgres
from counterfoil.server.storage.postgres import PostgresStore
from counterfoil.server.storage.postgres_connection import Wire
from counterfoil.server.storage.postgres_schema import is_made, prepare
from tests.postgres import TEMPLATE, Postgres, make_template, running
from tests.storage.conftest import Clock, open_postgres
from tests.storage.samples import NOW, user

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


@pytest.fixture
def empty(postgres_server: Postgres) -> Iterator[str]:
    """A database in which nothing is."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


async def run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def test_several_make_the_tables_at_once(empty: str, clock: Clock) -> None:
    assert not await is_made(Wire(empty))
    stores = await asyncio.gather(*(open_postgres(empty, clock) for _ in range(4)))
    assert not await is_made(Wire(empty)), "its keys are not there yet"
    await stores[0].transact(lambda tx: tx.sealed.put_if_absent("keys", b"sealed"))
    assert await is_made(Wire(empty))
    for number, store in enumerate(stores):
        new = user(id=str(number), email=str(number))
        await store.transact(lambda tx, new=new: tx.users.add(new))
    heads = {await store.read(lambda tx: tx.notices.head()) for store in stores}
    assert len(heads) == 1
    assert len(await stores[0].read(lambda tx: tx.users.every())) == 4
    for store in stores:
        await store.close()


async def test_a_database_from_the_future_is_left_alone(database: str, clock: Clock) -> None:
    await run(database, "INSERT INTO contracts VALUES (900, 899, '99.1')")
    with pytest.raises(UnknownDatabase, match=r"needs Counterfoil 99\.1 or newer"):
        await open_postgres(database, clock)


async def test_a_database_with_another_past_is_left_alone(database: str, clock: Clock) -> None:
    await run(database, "UPDATE migrations SET checksum = 'x' WHERE number = 2")
    with pytest.raises(UnknownDatabase, match="0002"):
        await open_postgres(database, clock)


async def test_text_must_be_kept_in_utf_8(postgres_server: Postgres, clock: Clock) -> None:
    postgres_server.run(
        "CREATE DATABASE letters TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"
    )
    with pytest.raises(UnsupportedPostgres, match="SQL_ASCII"):
        await open_postgres(postgres_server.url("letters"), clock)
    postgres_server.drop("letters")


async def test_an_old_server_is_refused(
    empty: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_schema, "OLDEST_POSTGRES", 99)
    with pytest.raises(UnsupportedPostgres, match="too old; 99 or newer"):
        await open_postgres(empty, clock)
    assert not await is_made(Wire(empty))


async def test_a_user_without_rights_is_told_what_is_missing(
    postgres_server: Postgres, empty: str, clock: Clock
) -> None:
    postgres_server.run("CREATE ROLE guest LOGIN")
    guest = empty.replace("postgres@", "guest@")
    with pytest.raises(UnsupportedPostgres, match="right to create"):
        await open_postgres(guest, clock)


async def test_somebody_elses_tables_are_left_alone(empty: str, clock: Clock) -> None:
    await run(empty, "CREATE TABLE migrations (mine TEXT)")
    with pytest.raises(UnsupportedPostgres, match="Counterfoil's own"):
        await is_made(Wire(empty))
    await run(empty, "DROP TABLE migrations; CREATE TABLE users (mine TEXT)")
    with pytest.raises(UnsupportedPostgres, match="empty or Counterfoil's own"):
        await open_postgres(empty, clock)
    assert not await is_made(Wire(empty))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cret@127.0.0.1:1/nowhere",
        "postgresql://ada:s3cret@/nowhere?host=/nowhere",
        "postgresql://ada:s3cret@127.0.0.1:port/nowhere",
        "mysql://ada:s3cret@127.0.0.1/nowhere",
    ],
)
async def test_what_cannot_be_reached_is_told_without_the_password(url: str, clock: Clock) -> None:
    with pytest.raises(StoreUnavailable) as told:
        await open_postgres(url, clock)
    assert "s3cret" not in str(told.value)
    assert "s3cret" not in repr(Wire(url))


async def test_a_database_that_is_not_there_is_named(
    postgres_server: Postgres, clock: Clock
) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"):
        await open_postgres(postgres_server.url("nowhere"), clock)


async def test_a_copy_that_follows_another_server_is_not_taken_for_the_database(
    clock: Clock,
) -> None:
    """It lags behind: what it says may be from before an ending."""
    with running() as server:
        await make_template(server)
        server.stop(signal.SIGINT)
        (server.folder / "data" / "standby.signal").touch()
        server.start()
        with pytest.raises(StoreUnavailable):
            await Wire(server.url(TEMPLATE)).connect()
        with pytest.raises(StoreUnavailable):
            await open_postgres(server.url(TEMPLATE), clock)


async def test_preparing_again_changes_nothing(database: str) -> None:
    store = await PostgresStore.open(database, clock=lambda: NOW, random=secrets.token_bytes)
    before = await store.read(lambda tx: tx.notices.head())
    await prepare(Wire(database), NOW + 1, secrets.token_bytes)
    assert await store.read(lambda tx: tx.notices.head()) == before
    await store.close()
