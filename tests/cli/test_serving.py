"""A process that ends answers whoever had connected by then, though nobody had taken them up."""

import gc
import os
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import uvicorn

from counterfoil.cli.connections import Connection
from counterfoil.cli.serving import _Process

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
