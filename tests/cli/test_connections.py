"""Connections push to who follows; what they do for slow peers is shown in the attacks."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from counterfoil.cli.connections import KEEP_ALIVE_SECONDS, MOST_PIPELINED, UNREAD_SECONDS
from tests.connecting import ASKED, listening, peers, until

pytestmark = pytest.mark.anyio


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

    async with listening(app) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
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


BIG = 32 * 1024 * 1024


async def answering(_: Any, __: Any, send: Any) -> None:
    """An app whose answers are more than a kernel holds."""
    headers = [(b"content-length", b"%d" % BIG)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * BIG})


async def swift(_: Any, __: Any, send: Any) -> None:
    """An app that answers at once."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def never(_: Any, __: Any, ___: Any) -> None:
    """An app that does not answer."""
    await asyncio.Event().wait()


CLOSING = ASKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("asked", [ASKED, CLOSING])
async def test_a_peer_that_does_not_read_its_answer_is_let_go(asked: bytes) -> None:
    """Also where all was written, and the connection closes as soon as it is read."""
    async with listening(answering) as (port, connected), peers(port, 1) as ((reader, writer),):
        now = asyncio.get_running_loop().time
        writer.write(asked)
        await until(lambda: any(each.flow.write_paused for each in connected))
        (stuck,) = connected
        stuck.look(now())
        stuck.look(now() + UNREAD_SECONDS - 5)
        assert connected == {stuck}
        stuck.look(now() + UNREAD_SECONDS + 1)
        await until(lambda: not connected)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(BIG)


async def test_a_peer_that_does_not_read_the_last_of_an_answer_is_let_go_too() -> None:
    """All was written, little enough that nobody had to wait, and the connection is closing."""

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 60_000})

    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with listening(app) as (port, connected):
            silent.connect(("127.0.0.1", port))
            await until(lambda: connected)
            (stuck,) = connected
            below = stuck.transport.get_extra_info("socket")
            below.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            silent.sendall(CLOSING)
            await until(stuck.transport.is_closing)
            now = asyncio.get_running_loop().time()
            stuck.look(now)
            stuck.look(now + UNREAD_SECONDS - 1)
            assert connected == {stuck}
            stuck.look(now + UNREAD_SECONDS + 1)
            assert not connected


async def test_a_peer_whose_turn_it_is_not_is_never_let_go() -> None:
    async with listening(never, request_seconds=1) as (port, connected), peers(port, 1) as made:
        writer = made[0][1]
        far = asyncio.get_running_loop().time() + 3600
        writer.write(ASKED)
        await until(lambda: any(each.cycle for each in connected))
        (waiting,) = connected
        waiting.look(far)
        assert connected == {waiting}
        writer.write(ASKED * 2 + ASKED[:10])
        await until(lambda: waiting.pipeline)
        waiting.look(far)
        assert connected == {waiting}
        for task in waiting.tasks:
            task.cancel()


async def test_a_request_that_we_did_not_read_on_is_not_late() -> None:
    """It stands behind one that took its time to be answered."""
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await swift(scope, receive, send)

    async with listening(app) as (port, connected), peers(port, 1) as ((reader, writer),):
        writer.write(ASKED + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsl")
        await until(lambda: any(each.pipeline for each in connected))
        (there,) = connected
        assert there.owing_since is not None
        there.owing_since -= 3600
        go_on.set()
        await reader.readuntil(b"\r\n\r\n")
        there.look(asyncio.get_running_loop().time())
        writer.write(b"owl")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")


async def test_who_is_served_stays_when_there_is_no_room() -> None:
    """Those go that owe their request for longest; where nobody owes one, the newcomer."""
    async with listening(never, connections_most=3) as (port, connected):

        def served() -> int:
            return sum(each.owing_since is None for each in connected)

        async with peers(port, 3) as made:
            for _, writer in made[:2]:
                writer.write(ASKED)
            await until(lambda: served() == 2)
            async with peers(port, 1) as ((_, writer),):
                await until(lambda: len(connected) == 3)
                with suppress(ConnectionError):
                    assert await made[2][0].read() == b"", "the silent one had to go"
                writer.write(ASKED)
                await until(lambda: served() == 3)
                async with peers(port, 1) as ((newcomer, _),):
                    with suppress(ConnectionError):
                        assert await newcomer.read() == b""
                assert served() == len(connected) == 3
        await until(lambda: not connected)


async def test_as_many_requests_as_one_packet_holds_are_not_all_taken_up() -> None:
    async with listening(never) as (port, connected), peers(port, 1) as ((_, writer),):
        await until(lambda: connected)
        (flooded,) = connected
        writer.write(ASKED * 1_000)
        await until(lambda: not connected)
        assert len(flooded.pipeline) == MOST_PIPELINED


async def test_requests_of_many_headers_do_not_wait_in_such_numbers() -> None:
    """Twenty kilobytes would hold four hundred; times all connections that is all there is."""
    large = ASKED[:-2] + b"".join(b"x%d:y\r\n" % number for number in range(90)) + b"\r\n"
    async with listening(never) as (port, connected), peers(port, 1) as ((_, writer),):
        await until(lambda: connected)
        (flooded,) = connected
        writer.write(large * MOST_PIPELINED)
        await until(lambda: not connected)
        assert len(flooded.pipeline) == 5
    async with listening(never) as (port, connected), peers(port, 1) as ((_, writer),):
        writer.write(large * 5)
        await until(lambda: any(len(each.pipeline) == 4 for each in connected))


async def test_a_connection_that_is_kept_may_be_idle_for_longer_than_a_request_takes() -> None:
    async with (
        listening(swift, request_seconds=1) as (port, connected),
        peers(port, 1) as ((reader, writer),),
    ):
        writer.write(ASKED)
        await reader.readuntil(b"\r\n\r\n")
        (kept,) = connected
        now = asyncio.get_running_loop().time()
        kept.look(now + KEEP_ALIVE_SECONDS - 1)
        assert not kept.transport.is_closing()
        kept.look(now + KEEP_ALIVE_SECONDS + 1)
        assert kept.transport.is_closing()
        assert await reader.read() == b""


async def test_a_connection_is_there_for_one_more_request_when_the_server_ends() -> None:
    """Its answer says that it closes, so that the client opens another."""

    async with listening(swift) as (port, connected), peers(port, 1) as ((reader, writer),):
        writer.write(ASKED)
        first = await reader.readuntil(b"\r\n\r\n")
        (there,) = connected
        there.shutdown()
        writer.write(ASKED)
        last = await reader.read()
    assert b"connection: close" not in first
    assert last.startswith(b"HTTP/1.1 204 ")
    assert b"connection: close" in last


async def test_what_is_sent_slowly_when_the_server_ends_may_still_come() -> None:
    async def app(_: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with listening(app) as (port, connected), peers(port, 1) as ((reader, writer),):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsl")
        await until(lambda: any(each.cycle for each in connected))
        (there,) = connected
        there.shutdown()
        there._end(was_long=False)
        writer.write(b"owl")
        answer = await reader.read()
    assert b"connection: close" in answer
    assert answer.endswith(b"5\r\nslowl\r\n0\r\n\r\n")


async def test_who_goes_is_known_to_be_gone_also_with_another_request_behind() -> None:
    """Else the app would speak to nobody for ever, and a follower keep its place."""
    gone = asyncio.Event()

    async def app(_: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    for behind in range(3):
        gone.clear()
        async with listening(app) as (port, connected), peers(port, 1) as ((reader, writer),):
            writer.write(ASKED * (1 + behind))
            await reader.readuntil(b"x")
            (there,) = connected
            assert len(there.pipeline) == behind
            writer.transport.abort()
            async with asyncio.timeout(5):
                await gone.wait()
            assert not there.pipeline


async def test_what_stands_behind_a_body_is_no_header() -> None:
    """RFC 9110 §6.5.1: a proxy that says who asks, and lets trailers through, has not seen it."""
    seen: list[tuple[bytes, bytes]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        await swift(scope, receive, send)

    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    trailers = b"X-Forwarded-For: 192.0.2.1\r\nAuthorization: Basic eDp4\r\nX: y\r\n\r\n"
    async with listening(app) as (port, _), peers(port, 1) as ((reader, writer),):
        writer.write(head + b"2\r\nhi\r\n0\r\n" + trailers)
        assert (await reader.read()).startswith(b"HTTP/1.1 204 ")
    assert [name for name, _ in seen] == [b"host", b"transfer-encoding", b"connection"]


async def test_who_asks_for_another_protocol_is_answered_and_that_is_all() -> None:
    """What stood behind it is lost: the answer to what comes later would be taken for its own."""
    asked = ASKED[:-2] + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with listening(swift) as (port, _), peers(port, 1) as ((reader, writer),):
        writer.write(asked + ASKED)
        first = await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            writer.write(ASKED)
            assert await reader.read() == b""
    assert b"connection: close" in first
