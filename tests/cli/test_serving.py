"""A process that ends answers whoever had connected by then, though nobody had taken them up."""

import asyncio
import gc
import os
import resource
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from counterfoil.cli.connections import Connection
from counterfoil.cli.serving import OWN_FILES, _patience, _Process
from counterfoil.server.settings import Settings
from tests.flows.serving import started
from tests.installation import installed

pytestmark = pytest.mark.anyio

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Answering:
    """An app of one word, as the process sees ours."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"done"})

    def end_streams(self) -> None: ...
    def end_waiting(self) -> None: ...


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """A process that starts freezes what there is; ours goes on."""
    yield
    gc.unfreeze()


def process_of(parent: int | None) -> uvicorn.Server:
    app: Any = Answering()
    made: Any = partial(Connection)
    config = uvicorn.Config(app, http=made, ws="none", lifespan="off", log_config=None)
    config.load()
    server = _Process(config, app, lambda: None, parent)
    server.lifespan = config.lifespan_class(config)
    return server


def connected(listener: socket.socket, count: int) -> list[socket.socket]:
    """Connections that stand in the kernel's line, each with its request."""
    made = [socket.create_connection(listener.getsockname(), timeout=10) for _ in range(count)]
    for each in made:
        each.sendall(ASKED)
    return made


async def test_whoever_stands_in_line_as_a_server_ends_is_answered() -> None:
    """The line is the kernel's: with its socket all in it would be cut off."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    process = process_of(parent=None)
    await process.startup([listener])
    callers = connected(listener, 20)
    await process.shutdown([listener])
    for each in callers:
        with each, each.makefile("rb") as answer:
            said = answer.read()
        assert said.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in said


async def test_a_worker_leaves_the_line_to_those_who_share_it() -> None:
    """Whoever stands there is not held up by one that ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    alive_of_worker, alive = os.pipe()
    process = process_of(parent=alive_of_worker)
    await process.startup([listener])
    shared = listener.dup()
    (caller,) = connected(listener, 1)
    await process.shutdown([listener])
    with shared, caller:
        shared.settimeout(10)
        accepted, _ = shared.accept()
        with accepted:
            assert accepted.recv(1024) == ASKED
    os.close(alive_of_worker)
    os.close(alive)


@pytest.mark.parametrize("told", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
async def test_a_process_by_itself_ends_in_order_whichever_way_it_is_told(
    tmp_path: Path, told: signal.Signals
) -> None:
    """What has begun to come is answered: a terminal that is closed breaks nothing off."""
    async with installed(tmp_path):
        pass
    with started(tmp_path) as (process, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\n")
        await writer.drain()
        process.send_signal(told)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reader.read(1)
        writer.write(b"\r\n")
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        assert await asyncio.to_thread(process.wait, 20) == 0


def test_that_few_files_may_be_open_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards would be turned away, and nobody know why."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    assert _patience(Settings()).connections_most == 1024 - OWN_FILES
    assert "896 connections at most" in caplog.text
    caplog.clear()
    assert _patience(Settings(connections_most=896)).connections_most == 896
    assert caplog.text == ""
