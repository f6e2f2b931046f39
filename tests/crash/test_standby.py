"""The primary is killed under load, and its synchronous standby takes over.

Who decides that it takes over, and how soon, is shown by ``make soak`` (``tests/soak``).
"""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from tests.crash.street import Street
from tests.crash.test_two_workers import CUSTOMERS, SEED, check, install
from tests.crash.upgrading import THIS, Place
from tests.postgres import Postgres, running

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

ISSUER = "http://localhost:8001"
ENOUGH = 40


class Pair:
    """A primary that acknowledges nothing which its standby has not stored."""

    def __init__(self, primary: Postgres, standby: Postgres) -> None:
        self.primary = primary
        self.standby = standby
        self.url = f"postgresql://postgres@/postgres?host={primary.folder},{standby.folder}"

    async def ask(self, server: Postgres, sql: str) -> object:
        connection = await asyncpg.connect(server.url("postgres"))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    async def agree(self) -> None:
        """From now on the primary waits for the standby at every commit."""
        await self.ask(self.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        await self.ask(self.primary, "SELECT pg_reload_conf()")
        state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        async with asyncio.timeout(60):
            while not await self.ask(self.primary, state):
                pass

    async def take_over(self) -> None:
        self.primary.stop(signal.SIGKILL)
        assert await self.ask(self.standby, "SELECT pg_promote()")


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    with running(durable=True) as primary, tempfile.TemporaryDirectory(prefix="cf-pg-") as folder:
        standby = Postgres(Path(folder), durable=True, following=primary)
        standby.start()
        try:
            made = Pair(primary, standby)
            await made.agree()
            yield made
        finally:
            standby.stop()


@pytest.mark.timeout(300)
async def test_a_standby_takes_over_and_nothing_acknowledged_is_lost(
    tmp_path: Path, pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    """S92, S93: what was acknowledged stands, what was spent is spent, what was ended is ended."""
    data = tmp_path / "data"
    street = Street(await install(data, pair.url, ISSUER), CUSTOMERS, SEED)
    place = Place(data, pair.url, ISSUER)
    with place.serving(THIS) as one, place.serving(THIS) as other:
        async with street.living(one.base, other.base):
            await street.spend(ENOUGH)
            before = street.spent
            await pair.take_over()
            await street.spend(ENOUGH)
        for server in (one, other):
            code, said = await asyncio.to_thread(server.end)
            assert (code, "Traceback" in said) == (0, False), said
    street.finish()
    await check(data, pair.url, street.books)
    record_property(
        "told",
        f"kill -9 of the primary, its standby takes over, seed {SEED}: {before} codes and refresh "
        f"tokens spent before and {street.spent - before} after, none lost, none twice; "
        f"{street.books.recovered} recovered after a lost answer",
    )
