"""A real ``counterfoil serve`` in a process of its own, and an installation beside it."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import uvicorn

from counterfoil.guard import Guard, Rejected
from counterfoil.server.assembly import build
from counterfoil.server.opening import Outside
from counterfoil.server.settings import load
from tests.engines import environment_of, settings_of
from tests.installation import Clock, Installation, furnish

START = "from counterfoil.cli import main; main()"
READY = re.compile(r"serves (http://\S+:(\d+)) ")


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[int]:
    """Run the server on a data directory; gives its port."""
    with started(data, **settings) as (_, port):
        yield port


@contextmanager
def started(data: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The same, with its process, which may be dead when the block ends."""
    command = [sys.executable, "-c", START, "serve", "--data", str(data), "--port", "0"]
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("COUNTERFOIL_")}
    environment = inherited | {"COUNTERFOIL_HEAD_INTERVAL_MS": "50"} | environment_of(data)
    environment |= {f"COUNTERFOIL_{name.upper()}": value for name, value in settings.items()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout is not None
            ready = READY.search(child.stdout.readline())
            assert ready is not None, "the server did not say that it is ready"
            yield child, int(ready[2])
        finally:
            child.terminate()
            child.wait(10)


@asynccontextmanager
async def served(data: Path, **settings: str) -> AsyncIterator[Installation]:
    """An installation whose people and clients speak to a server in another process.

    What administrators do is done by a second process: this one, which knows no ``settings``.
    """
    with serving(data, **settings) as port:
        app = build(load({}, {"data": str(data), "port": port, **settings_of(data)}))
        async with app.running() as server:
            place = Installation(app, server, time.time, remote=True)
            await furnish(place)
            yield place


@asynccontextmanager
async def served_here(data: Path, **settings: Any) -> AsyncIterator[Installation]:
    """An installation on a real port, in this process, whose clock a test can turn."""
    clock = Clock()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        given = {"data": str(data), "port": port, "head_interval_ms": 50}
        given |= settings_of(data) | settings
        app = build(load({}, given), Outside(clock=clock))
        config = uvicorn.Config(app, log_level="critical", lifespan="off")
        async with app.running() as server:
            running = uvicorn.Server(config)
            task = asyncio.create_task(running.serve([listening]))
            place = Installation(app, server, clock, remote=True)
            await furnish(place)
            try:
                yield place
            finally:
                app.end_streams()
                running.should_exit = True
                await task


async def until(holds: Callable[[], bool], within: float = 5.0) -> None:
    """Wait for something that another thread or process brings about."""
    with anyio.fail_after(within):
        while True:
            if holds():
                return
            await anyio.sleep(0.002)


def refusal(guard: Guard, token: str) -> Rejected | None:
    try:
        guard.check(token)
    except Rejected as rejected:
        return rejected
    return None


async def refusal_of(guard: Guard, token: str) -> Rejected:
    """Wait until the guard refuses a token; gives the refusal."""
    await until(lambda: refusal(guard, token) is not None)
    refused = refusal(guard, token)
    assert refused is not None
    return refused


async def fresh(guard: Guard) -> None:
    assert await anyio.to_thread.run_sync(guard.wait_until_fresh, 10)
