"""Connections push to who follows; what they do for slow peers is shown in the attacks."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import uvicorn

from counterfoil.cli.connections import (
    KEEP_ALIVE_SECONDS,
    MOST_PIPELINED,
    UNREAD_SECONDS,
    Connection,
    Patience,
)

pytestmark = pytest.mark.anyio

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def listening(
    app: Any, is_brief: Callable[[str], bool] = lambda _: False, **patience: Any
) -> AsyncIterator[tuple[int, set[Connection]]]:
    """An app behind our connections on a real port; gives the port, and who is connected."""
    config = uvicorn.Config(app, http=Connection, lifespan="off", log_level="critical")
    config.load()
    state = uvicorn.Server(config).server_state
    brief = {"patience": Patience(**patience), "is_brief": is_brief}
    made = partial(Connection, config, state, {}, **brief)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], state.connections  # type: ignore[misc]  # all are ours


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # the loop itself brings it about
            await asyncio.sleep(0)


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
ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


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


async def whole(scope: Any, receive: Any, send: Any) -> None:
    """Answers its path: in one piece where that is taken, which its first word says."""
    body = scope["path"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    sent = scope["extensions"]["counterfoil.answer"]["answer"](200, headers, body)
    if not sent:
        headers.append((b"x-long", b"way"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def exchanged(*requests: bytes) -> bytes:
    """What comes back on one connection until it is closed."""
    async with listening(whole) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(requests))
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_answers_in_one_piece_come_in_the_order_of_their_requests():
    pipelined = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(9)]
    answers = (await exchanged(*pipelined, LAST)).split(b"HTTP/1.1 200 OK\r\n")[1:]
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert bodies == [*(b"/%d" % number for number in range(9)), b"/last"]
    assert [b"x-long: way" in answer for answer in answers] == [False] * 9 + [True]


async def test_an_answer_without_a_body_is_not_sent_in_one_piece():
    """RFC 9110 §9.3.2: what follows must not be taken for a part of it."""
    asked = b"HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n"
    first, second = (await exchanged(asked, LAST)).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert first.endswith(b"\r\n\r\n")
    assert b"x-long: way" in first
    assert second.endswith(b"/last")


async def test_whoever_is_answered_in_one_piece_may_ask_again_and_owes_it():
    async with listening(whole) as (port, connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n/a"), 10)
            assert answer.count(b"HTTP/1.1 200 OK") == 1
        (kept,) = connections
        assert kept.owes
        assert kept.timeout_keep_alive_task is None
        writer.close()


async def test_who_is_answered_at_once_needs_no_task_and_who_waits_has_one():
    waits = asyncio.Event()
    seen: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/waits":
            await waits.wait()
            seen.append(asyncio.current_task())
        await whole(scope, receive, send)

    async with (
        listening(app, is_brief=lambda path: path != "/task") as (port, _),
        peers(port, 2) as ((reader, writer), (another, other)),
    ):
        writer.write(
            b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\nGET /behind HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        other.write(b"GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await another.readuntil(b"/at-once")).startswith(b"HTTP/1.1 200")
        assert seen == []
        waits.set()
        answers = await reader.readuntil(b"/behind")
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        assert answers.index(b"/waits") < answers.index(b"/behind")
        (task,) = seen
        assert isinstance(task, asyncio.Task)


async def test_what_fails_at_once_is_answered_with_500_and_ends_nobody_else():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/fails":
            raise RuntimeError("at once")
        await whole(scope, receive, send)

    async with (
        listening(app, is_brief=lambda _: True) as (port, _),
        peers(port, 2) as ((reader, writer), (another, other)),
    ):
        writer.write(b"GET /fails HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 500")
        other.write(b"GET /well HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await another.readuntil(b"/well")).startswith(b"HTTP/1.1 200")


async def test_whoever_was_answered_at_once_may_be_idle_as_long_as_others() -> None:
    """A proxy that keeps its connections for a minute must find them there."""
    async with (
        listening(whole, is_brief=lambda _: True) as (port, connected),
        peers(port, 1) as ((reader, writer),),
    ):
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n/a")
        (kept,) = connected
        now = asyncio.get_running_loop().time()
        kept.look(now + KEEP_ALIVE_SECONDS - 5)
        assert not kept.transport.is_closing()
        kept.look(now + KEEP_ALIVE_SECONDS + 1)
        assert kept.transport.is_closing()


async def test_of_many_at_once_one_is_begun_at_once_and_others_have_their_turn() -> None:
    """Else one packet of theirs would be worked off while everybody waits."""
    begun: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(asyncio.current_task())
        await whole(scope, receive, send)

    asked = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(9)]
    async with (
        listening(app, is_brief=lambda _: True) as (port, _),
        peers(port, 1) as ((reader, writer),),
    ):
        writer.write(b"".join(asked))
        answers = await reader.readuntil(b"\r\n\r\n/8")
        assert answers.count(b"HTTP/1.1 200 OK") == 9
    assert begun[0] is None
    assert None not in begun[1:]


async def test_a_brief_request_is_answered_though_what_follows_is_no_http() -> None:
    """The answer is its own, and the last on this connection."""
    async with (
        listening(whole, is_brief=lambda _: True) as (port, connected),
        peers(port, 1) as ((reader, writer),),
    ):
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03 no http\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"/a")
        assert b"connection: close" in answer
        await until(lambda: not connected)


async def test_while_a_peer_does_not_read_nothing_more_is_written_for_it() -> None:
    """A brief request waits then as any other; its task is known to whoever ends the server."""
    async with (
        listening(whole, is_brief=lambda _: True) as (port, connected),
        peers(port, 1) as ((reader, writer),),
    ):
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n/a")
        (kept,) = connected
        kept.pause_writing()
        writer.write(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: kept.tasks)
        kept.resume_writing()
        assert b"x-long: way" in await reader.readuntil(b"\r\n\r\n/b")
        await until(lambda: not kept.tasks)


async def test_who_is_gone_is_not_answered() -> None:
    goes, taken = asyncio.Event(), list[bool]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await goes.wait()
        headers = [(b"content-length", b"1")]
        taken.append(scope["extensions"]["counterfoil.answer"]["answer"](200, headers, b"x"))

    async with listening(app, is_brief=lambda _: True) as (port, connected):
        async with peers(port, 1) as ((_, writer),):
            writer.write(ASKED)
            await until(lambda: any(each.tasks for each in connected))
        await until(lambda: not connected)
        goes.set()
        await until(lambda: taken)
    assert taken == [False]


async def test_an_answer_in_one_piece_says_what_all_answers_say() -> None:
    """RFC 9110 §6.6.1: uvicorn dates them, once a second."""
    async with (
        listening(whole) as (port, connected),
        peers(port, 1) as ((reader, writer),),
    ):
        await until(lambda: connected)
        (kept,) = connected
        kept.server_state.default_headers = [(b"date", b"now")]
        writer.write(ASKED)
        assert b"\r\ndate: now\r\n" in await reader.readuntil(b"\r\n\r\n")
