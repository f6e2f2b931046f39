"""No room is left for PostgreSQL: what was acknowledged stands, the rest is refused.

For SQLite see ``test_group_commit`` and, in a whole process, ``tests/cli/test_full_disk.py``.
"""

import asyncio
import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.storage.postgres import PostgresStore
from tests.postgres import TEMPLATE, Postgres, make_template, running
from tests.storage.conftest import Clock, open_postgres
from tests.storage.samples import user

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

SEGMENT = 16 * 2**20
"""Bytes of a file of the write-ahead log, which is as large as that from the beginning."""


@pytest.fixture
async def server() -> "Iterator[Postgres]":
    with running(durable=True) as started:
        await make_template(started)
        yield started


@contextmanager
def no_file_grows_beyond(server: Postgres, size: int) -> Iterator[None]:
    """What the server's processes are allowed, and all that it starts meanwhile."""
    limit(server, size)
    yield
    limit(server, resource.RLIM_INFINITY)


def limit(server: Postgres, size: int) -> None:
    for pid in server.pids():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def names(store: PostgresStore) -> set[str]:
    return {each.id for each in await store.read(lambda tx: tx.users.every())}


async def add(store: PostgresStore, name: str, letters: int = 0) -> None:
    new = user(id=name, email=name, name=secrets.token_hex(letters // 2))
    await store.transact(lambda tx: tx.users.add(new))


async def fill(store: PostgresStore, acknowledged: set[str]) -> None:
    """Write until there is no room."""
    for number in range(100_000):
        many = [f"{number}-{each}" for each in range(20)]
        await asyncio.gather(*(add(store, name, 60_000) for name in many))
        acknowledged.update(many)


async def test_a_table_that_cannot_grow_loses_nothing_that_was_answered(
    server: Postgres, clock: Clock
) -> None:
    store = await open_postgres(server.url(TEMPLATE), clock)
    acknowledged = set[str]()
    with no_file_grows_beyond(server, SEGMENT):
        with pytest.raises(StoreUnavailable, match="the database failed"):
            await fill(store, acknowledged)
        assert acknowledged <= await names(store), "reading goes on"
    await add(store, "later", 60_000)
    assert acknowledged | {"later"} <= await names(store)
    await store.close()


async def test_without_room_for_its_log_the_server_ends_and_starts_again_whole(
    server: Postgres, clock: Clock
) -> None:
    store = await open_postgres(server.url(TEMPLATE), clock)
    await add(store, "before")
    limit(server, 1)
    for number in range(3):
        with pytest.raises(StoreUnavailable):
            await add(store, f"refused-{number}")
    server.stop()
    server.start()
    assert await names(store) == {"before"}
    await add(store, "later")
    await store.close()
