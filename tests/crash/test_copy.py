"""A copy that is killed at many moments: asked for again it goes on, and all is there."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.server.opening import DATABASE
from counterfoil.server.storage.moving.ends import End
from counterfoil.server.storage.moving.postgres_end import PostgresEnd
from counterfoil.server.storage.moving.sqlite_end import SqliteEnd
from tests.flows.serving import START
from tests.postgres import Postgres
from tests.storage.moving import all_rows, fill_every_table
from tests.storage.samples import NOW
from tests.storage.writer import open_store

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("COUNTERFOIL_TEST_COPY_KILLS", "8"))
ROWS = 60
SEED = 20261126
SMALL = "from counterfoil.server.storage.moving import ends; ends.PIECE = 20\n" + START
"""Pieces of few rows, so that there are many moments."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "copy" / DATABASE)
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


async def end_at(where: str) -> End:
    if "://" in where:
        return await PostgresEnd.open(where, where, os.urandom)
    return SqliteEnd.open(Path(where), os.urandom, to_read=True)


def begun(data: Path, target: str) -> subprocess.Popen[str]:
    given = ["database", "copy", "--to", target, "--yes", "--data", str(data)]
    command, pipe = [sys.executable, "-c", SMALL, *given], subprocess.PIPE
    return subprocess.Popen(command, stderr=pipe, stdout=pipe, text=True)


def killed(process: subprocess.Popen[str], after: int) -> bool:
    """Kill it when it has told so many lines; whether it was still there."""
    assert process.stderr is not None
    for _ in range(after):
        if not process.stderr.readline():
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


async def test_a_copy_that_is_killed_again_and_again_is_whole_in_the_end(
    tmp_path: Path, target: str
) -> None:
    """At moments that nobody chose, between two fences and in the middle of a table."""
    data = tmp_path / "data"
    await (await open_store(str(data / DATABASE), lambda: NOW)).close()
    filling = SqliteEnd.open(data / DATABASE, os.urandom, to_read=False)
    await fill_every_table(filling, ROWS)
    before = await all_rows(filling)
    await filling.close()
    dice, kills = random.Random(SEED), 0
    for _ in range(KILLS):
        kills += killed(begun(data, target), dice.randrange(1, 40))
    assert kills > KILLS // 2, "it was over before it could be killed"
    process = begun(data, target)
    said, progress = process.communicate()
    assert process.returncode == 0, progress
    assert "Copied and verified" in said or "All is there already" in said
    copy, source = await end_at(target), await end_at(str(data / DATABASE))
    after = await all_rows(copy)
    assert after == await all_rows(source)
    assert {name for name in before if before[name] != after[name]} == {"events"}
    assert [fence.state.value for fence in (await source.fence(), await copy.fence()) if fence] == [
        "left",
        "arrived",
    ]
    await copy.close()
    await source.close()
