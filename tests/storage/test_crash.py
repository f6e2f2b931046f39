"""Several processes on one file, and processes that are killed: nothing acknowledged is lost."""

import asyncio
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from counterfoil.oauth.revocations import notice_from
from counterfoil.server.records.store import Transaction
from tests.postgres import Postgres, running
from tests.storage.conftest import Clock
from tests.storage.samples import feed_is_whole, log_is_whole
from tests.storage.writer import open_store

ROOT = Path(__file__).parents[2]
KILLS = 16
SERVER_KILLS = 3
MANY = (pytest.mark.soak, pytest.mark.timeout(1800))
SEED = int(os.environ.get("COUNTERFOIL_TEST_SEED", "20261122"))


@pytest.fixture(scope="module")
def durable_server() -> Iterator[Postgres]:
    """A server that keeps what it has acknowledged, whatever happens to it."""
    with running(durable=True) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where processes write: into a file, or into a database of a server."""
    if request.param == "sqlite":
        yield str(tmp_path / "counterfoil.db")
        return
    server = request.getfixturevalue("durable_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def start(where: str, name: str, in_flight: int, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.storage.writer", where, name, str(in_flight), str(count)],
        stdout=subprocess.PIPE,
        bufsize=0,  # else what was read ahead of a line is not in what `communicate` gives
        cwd=ROOT,
    )


def acknowledged(output: bytes, name: str) -> set[str]:
    """Whole lines only: what was cut off in the middle was not acknowledged."""
    lines = output.split(b"\n")[:-1]
    return {f"{name}-{int(line)}" for line in lines}


async def stored(tx: Transaction) -> set[str]:
    """What stands in the feed; each notice must have its event, each event its notice.

    S111: the audit log has no gap, and its chain holds. Where many write at once, notices and
    events are each in an order of their own.
    """
    await feed_is_whole(tx)
    await log_is_whole(tx)
    names = [notice_from(text).name for text in await tx.notices.live()]
    events = [event.subject for event in await tx.events.latest(1_000_000)]
    assert len(set(names)) == len(names)
    assert sorted(names) == sorted(events)
    assert not [name for name in names if int(name.rpartition("-")[2]) % 7 == 0]
    return set(names)


async def nothing(tx: Transaction) -> None: ...


def all_stored(where: str, clock: Clock) -> set[str]:
    async def look() -> set[str]:
        store = await open_store(where, clock)
        await store.transact(nothing)  # what was left unnumbered has its number now
        names = await store.read(stored)
        await store.close()
        return names

    return asyncio.run(look())


def test_two_processes_write_to_one_database_at_once(where: str, clock: Clock) -> None:
    writers = {name: start(where, name, 16, 1_000) for name in ("a", "b")}
    answered = set()
    for name, writer in writers.items():
        output, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        answered |= acknowledged(output, name)
    assert len(answered) == 2 * (1_000 - 1_000 // 7)
    assert all_stored(where, clock) == answered


@pytest.mark.parametrize("kills", [KILLS, pytest.param(200, marks=MANY)])
@pytest.mark.timeout(900)
def test_what_was_acknowledged_survives_kill_9_at_any_moment(
    where: str, kills: int, clock: Clock, record_property: Callable[[str, object], None]
) -> None:
    """Two processes at once, each killed at a moment of its own, again and again."""
    dice = random.Random(SEED)
    answered: set[str] = set()
    for round_ in range(kills // 2):
        names = [f"round{round_}{letter}" for letter in "ab"]
        writers = [start(where, name, dice.choice([1, 8, 64]), 10**6) for name in names]
        for writer, name in zip(writers, names, strict=True):
            answered |= killed(writer, name, dice.uniform(0, 0.1))
        missing = answered - all_stored(where, clock)
        assert not missing, f"seed {SEED}, round {round_}"
    engine = where.partition(":")[0] if ":" in where else "sqlite"
    told = f"{kills} kill -9 of two writers on {engine}, seed {SEED}: {len(answered)} acknowledged"
    record_property("told", f"{told}, all there")


@pytest.mark.postgres
@pytest.mark.parametrize("kills", [SERVER_KILLS, pytest.param(30, marks=MANY)])
@pytest.mark.timeout(900)
def test_what_was_acknowledged_survives_kill_9_of_the_server(
    durable_server: Postgres,
    kills: int,
    clock: Clock,
    record_property: Callable[[str, object], None],
) -> None:
    """The database goes away and comes back while two processes write; they go on by themselves."""
    dice = random.Random(SEED)
    where = durable_server.url(durable_server.create())
    all_stored(where, clock)
    answered: set[str] = set()
    for round_ in range(kills):
        names = [f"round{round_}{letter}" for letter in "ab"]
        writers = [start(where, name, dice.choice([1, 8]), 400) for name in names]
        for writer in writers:
            assert writer.stdout is not None
            select.select([writer.stdout], [], [], 60)  # the first answer
        with pytest.raises(subprocess.TimeoutExpired):
            writers[0].wait(timeout=dice.uniform(0, 0.1))
        durable_server.stop(signal.SIGKILL)
        durable_server.start()
        for writer, name in zip(writers, names, strict=True):
            output, _ = writer.communicate(timeout=60)
            assert writer.returncode == 0, "it could not go on"
            answered |= acknowledged(output, name)
        missing = answered - all_stored(where, clock)
        assert not missing, f"seed {SEED}, round {round_}"
    told = f"{kills} kill -9 of PostgreSQL, seed {SEED}: {len(answered)} acknowledged"
    record_property("told", f"{told}, all there")


def killed(writer: subprocess.Popen[bytes], name: str, seconds: float) -> set[str]:
    """Kill a writer so long after its first answer; gives what it acknowledged until then."""
    assert writer.stdout is not None
    first = writer.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        writer.wait(timeout=seconds)
    writer.kill()
    rest, _ = writer.communicate(timeout=60)
    return acknowledged(first + rest, name)
