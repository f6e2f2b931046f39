"""Guards beside many live notices: their memory, their checks, and the way back after an hour."""

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench import machine
from bench.plan import Plan
from bench.seeding import access_tokens, seed
from bench.server import Installation, Running, counterfoil, environment
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.opening import DATABASE
from counterfoil.server.records.family import Family
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.storage.sqlite import SqliteStore
from tests.ports import free_port

_BATCH: Final = 2000
_AHEAD: Final = 20_000
"""Notices that are written before the guard has to hold them: a tenth of a second's work."""
_LIVES: Final = 24 * 60 * 60


class Held(Struct, frozen=True):
    """What the guard's process says of itself."""

    notices: int
    seconds: float
    check_us: float
    rss_mb: float
    rss_before_mb: float


class _Place(Struct, frozen=True):
    """A server, its store as another process has it, and a token."""

    server: Running
    store: Store
    token: str
    directory: Path


def many_notices(directory: Path, plan: Plan) -> dict[str, float]:
    """Measure with ``plan.notices`` live notices, and ``plan.offline`` that were missed."""
    installation = Installation(directory / "many" / "data", free_port())
    installation.data.parent.mkdir()
    with counterfoil(installation) as server:
        seeded = seed(installation, server.port)
        (token,) = access_tokens(seeded, server.port, 1)
        database = installation.data / DATABASE
        store = SqliteStore.open(database, clock=time.time, random=secrets.token_bytes)
        place = _Place(server, store, token, directory / "many" / "kept")
        try:
            return _measured(place, plan)
        finally:
            asyncio.run(store.close())


def _measured(place: _Place, plan: Plan) -> dict[str, float]:
    results = {"notices": float(plan.notices), "catch_up_s": _catch_up(place, plan, 0)}
    results |= _by_stream(place, plan)
    results["rss_with_notices_mb"] = machine.memory_mb(place.server.pid)
    with _guard(place, None) as guard:
        held = _ask(guard, plan.notices)
    results |= {"guard_rss_snapshot_mb": held.rss_mb, "snapshot_s": held.seconds}
    results["guard_rss_before_mb"] = held.rss_before_mb
    results["catch_up_beside_all_s"] = _catch_up(place, plan, plan.notices)
    results["database_read_us"] = asyncio.run(_database_read(place.store, plan.repeats))
    return results


def _catch_up(place: _Place, plan: Plan, held: int) -> float:
    """Stop a guard that keeps what it knows, end so much, and time it until it knows all."""
    with _guard(place, place.directory) as guard:
        before = _ask(guard, held).notices
    _append(place.store, plan.offline)
    with _guard(place, place.directory) as guard:
        return _ask(guard, before + plan.offline).seconds


def _by_stream(place: _Place, plan: Plan) -> dict[str, float]:
    results: dict[str, float] = {}
    with _guard(place, None) as guard:
        held = _ask(guard, 0)
        wanted = [held.notices, plan.notices // 1000, plan.notices // 10, plan.notices]
        names = ("few", "thousandth", "tenth", "all")
        for name, number in zip(names, wanted, strict=True):
            while held.notices < number:
                _append(place.store, min(_AHEAD, number - held.notices))
                held = _ask(guard, min(held.notices + _AHEAD, number))
            results[f"check_at_{name}_notices_us"] = held.check_us
        results["guard_rss_stream_mb"] = held.rss_mb
    return results


@contextmanager
def _guard(place: _Place, state_dir: Path | None) -> Iterator[subprocess.Popen[str]]:
    """A fresh process with a guard in it; it ends as an API does, and keeps what it knows."""
    arguments = [place.server.url, str(state_dir or "-"), place.token]
    with subprocess.Popen(
        [sys.executable, "-m", "bench.holding", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        machine.pin(process.pid, machine.GENERATOR)
        if _line(process) != "ready":
            sys.exit("!! bench: the guard's process did not start")
        yield process
        if process.stdin is not None:
            process.stdin.close()


def _ask(process: subprocess.Popen[str], wanted: int) -> Held:
    if process.stdin is not None:
        print(wanted, file=process.stdin, flush=True)
    return msgspec.json.decode(_line(process), type=Held)


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline().strip() if process.stdout is not None else ""
    return line or sys.exit("!! bench: the guard's process ended")


def _append(store: Store, number: int) -> None:
    asyncio.run(_append_all(store, number))


async def _append_all(store: Store, number: int) -> None:
    until = int(time.time()) + _LIVES
    while number > 0:
        count = min(number, _BATCH)
        notices = [Notice(Ended.FAMILY, secrets.token_urlsafe(16), until) for _ in range(count)]
        await store.transact(lambda tx, each=notices: tx.notices.append(each))
        number -= count


async def _database_read(store: Store, repeats: int) -> float:
    """Microseconds to look a family up by its primary key, in this process, with no network."""

    async def look(tx: Transaction) -> Family | None:
        return await tx.families.find("no-such-family")

    spent = []
    for _ in range(repeats):
        begun = time.perf_counter_ns()
        await store.read(look)
        spent.append((time.perf_counter_ns() - begun) / 1000)
    return sorted(spent)[len(spent) // 2]
