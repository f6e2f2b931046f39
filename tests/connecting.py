"""An app behind our own connections, and peers that talk to it in bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn

from counterfoil.cli.connections import Connection, Patience
from counterfoil.cli.turns import Turns

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def listening(
    app: Any, is_brief: Callable[[str], bool] = lambda _: False, **patience: Any
) -> AsyncIterator[tuple[int, set[Connection]]]:
    """An app behind our connections on a real port; gives the port, and who is connected."""
    config = uvicorn.Config(app, http=Connection, lifespan="off", log_level="critical")
    config.load()
    state = uvicorn.Server(config).server_state
    brief = {"patience": Patience(**patience), "turns": Turns(is_brief)}
    made = partial(Connection, config, state, {}, **brief)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], state.connections  # type: ignore[misc]  # all are ours


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # the loop itself brings it about
            await asyncio.sleep(0)


@asynccontextmanager
async def peers(port: int, count: int) -> AsyncIterator[list[Peer]]:
    """So many that have connected, one after the other; they are gone afterwards."""
    made = [await asyncio.open_connection("127.0.0.1", port, limit=1024) for _ in range(count)]
    try:
        yield made
    finally:
        for _, writer in made:
            writer.transport.abort()
        await asyncio.sleep(0)


async def whole(scope: Any, receive: Any, send: Any) -> None:
    """Answers its path: in one piece where that is taken, which its first word says."""
    body = scope["path"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    sent = scope["extensions"]["counterfoil.answer"]["answer"](200, headers, body)
    if not sent:
        headers.append((b"x-long", b"way"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
