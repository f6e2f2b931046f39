"""A gathering transport sends the same bytes in the same order, in fewer pieces, and loses none."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import uvicorn

from counterfoil.cli.connections import MOST_GATHERED, Connection, Gathering

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_what_is_written_in_one_turn_is_sent_in_one_piece() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"head ")
    gathering.write(b"body")
    assert wire.pieces == []
    await asyncio.sleep(0)
    gathering.write(b"next")
    await asyncio.sleep(0)
    assert wire.pieces == [b"head body", b"next"]


async def test_a_writer_that_does_not_wait_does_not_fill_the_memory() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"x" * MOST_GATHERED)
    assert wire.pieces == []
    gathering.write(b"y")
    assert len(wire.pieces[0]) == MOST_GATHERED + 1


async def test_closing_sends_what_was_written_first() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"last words")
    gathering.close()
    await asyncio.sleep(0)
    assert wire.pieces == [b"last words"]
    assert gathering.is_closing()


async def test_nothing_is_sent_on_a_connection_that_was_lost() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"too late")
    wire.closed = True
    await asyncio.sleep(0)
    assert wire.pieces == []


async def test_aborting_sends_nothing_more() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"never")
    gathering.abort()
    await asyncio.sleep(0)
    assert wire.pieces == []


async def test_what_is_sent_at_once_comes_after_what_was_gathered() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"head")
    gathering.send(b"chunk")
    assert wire.pieces == [b"head", b"chunk"]
    await asyncio.sleep(0)
    assert wire.pieces == [b"head", b"chunk"]


async def streaming(served: Callable[[Callable[[bytes], bool]], Awaitable[None]]) -> bytes:
    """What a client reads of a stream whose app pushes, over a real socket."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        push = scope["extensions"]["counterfoil.push"]["push"]
        assert not push(b"before the answer has begun")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await served(push)
        await send({"type": "http.response.body", "body": b"last"})
        assert not push(b"after its end")

    config = uvicorn.Config(app, http=Connection, lifespan="off", log_level="critical")
    config.load()
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    made = partial(Connection, config, server.server_state, {})
    listening = await loop.create_server(made, "127.0.0.1", 0)
    async with listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    return answer


async def test_an_app_may_push_chunks_between_those_that_it_sends() -> None:
    """RFC 9112 §7.1: in order, each framed as a chunk."""

    async def served(push: Callable[[bytes], bool]) -> None:
        assert push(b"pushed ")
        assert push(b"x" * 300)

    answer = await streaming(served)
    body = answer.partition(b"\r\n\r\n")[2]
    pushed = b"7\r\npushed \r\n12c\r\n" + b"x" * 300 + b"\r\n"
    assert body == b"6\r\nfirst \r\n" + pushed + b"4\r\nlast\r\n0\r\n\r\n"
