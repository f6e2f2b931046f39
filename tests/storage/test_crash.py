"""Several processes on one file, and processes that are killed: nothing acknowledged is lost."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.oauth.revocations import notice_from
from counterfoil.server.records.store import Transaction
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.samples import feed_is_whole, log_is_whole

ROOT = Path(__file__).parents[2]
KILLS = 30
SEED = int(os.environ.get("COUNTERFOIL_TEST_SEED", "20261122"))


def start(folder: Path, name: str, in_flight: int, count: int) -> subprocess.Popen[bytes]:
    path = str(folder / "counterfoil.db")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.storage.writer", path, name, str(in_flight), str(count)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )


def acknowledged(output: bytes, name: str) -> set[str]:
    """Whole lines only: what was cut off in the middle was not acknowledged."""
    lines = output.split(b"\n")[:-1]
    return {f"{name}-{int(line)}" for line in lines}


async def stored(tx: Transaction) -> set[str]:
    """What stands in the feed; each notice must have its event, each event its notice.

    S111: the audit log has no gap, and its chain holds.
    """
    await feed_is_whole(tx)
    await log_is_whole(tx)
    names = [notice_from(text).name for text in await tx.notices.live()]
    events = [event.subject for event in await tx.events.latest(1_000_000)]
    assert len(set(names)) == len(names)
    assert names == events[::-1]
    assert not [name for name in names if int(name.rpartition("-")[2]) % 7 == 0]
    return set(names)


def all_stored(folder: Path, clock: Clock) -> set[str]:
    async def look() -> set[str]:
        store = open_sqlite(folder, clock)
        names = await store.read(stored)
        await store.close()
        return names

    return asyncio.run(look())


def test_two_processes_write_to_one_file_at_once(tmp_path: Path, clock: Clock) -> None:
    writers = {name: start(tmp_path, name, 16, 1_000) for name in ("a", "b")}
    answered = set()
    for name, writer in writers.items():
        output, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        answered |= acknowledged(output, name)
    assert len(answered) == 2 * (1_000 - 1_000 // 7)
    assert all_stored(tmp_path, clock) == answered


@pytest.mark.timeout(300)
def test_what_was_acknowledged_survives_kill_9_at_any_moment(
    tmp_path: Path, clock: Clock, record_property: Callable[[str, object], None]
) -> None:
    """Two processes at once, each killed at a moment of its own, again and again."""
    dice = random.Random(SEED)
    answered: set[str] = set()
    for round_ in range(KILLS // 2):
        names = [f"round{round_}{letter}" for letter in "ab"]
        writers = [start(tmp_path, name, dice.choice([1, 8, 64]), 10**6) for name in names]
        for writer, name in zip(writers, names, strict=True):
            answered |= killed(writer, name, dice.uniform(0, 0.1))
        missing = answered - all_stored(tmp_path, clock)
        assert not missing, f"seed {SEED}, round {round_}"
    told = f"{KILLS} kill -9 of two writers, seed {SEED}: {len(answered)} acknowledged, all there"
    record_property("told", told)


def killed(writer: subprocess.Popen[bytes], name: str, seconds: float) -> set[str]:
    """Kill a writer so long after its first answer; gives what it acknowledged until then."""
    assert writer.stdout is not None
    first = writer.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        writer.wait(timeout=seconds)
    writer.kill()
    rest, _ = writer.communicate(timeout=60)
    return acknowledged(first + rest, name)
