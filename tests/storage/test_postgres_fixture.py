"""The tests' own PostgreSQL: new enough, reached by its socket alone, and quick to copy from."""

import signal

import asyncpg
import pytest

from tests.postgres import OLDEST, running

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


async def test_a_server_is_made_started_killed_and_started_again() -> None:
    with running(durable=True) as server:
        template = server.create()
        first = await asyncpg.connect(server.url(template))
        assert first.get_server_version().major >= OLDEST
        assert await first.fetchval("SHOW listen_addresses") == ""
        await first.execute("CREATE TABLE kept (number BIGINT)")
        await first.close()
        copy = server.create(template)
        server.stop(signal.SIGKILL)
        server.start()
        again = await asyncpg.connect(server.url(copy))
        assert await again.fetchval("SELECT count(*) FROM kept") == 0
        await again.close()
        server.drop(copy)
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(server.url(copy))
