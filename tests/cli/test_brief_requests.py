"""Requests that are answered at once get a task only where they wait, and have their turn."""

import asyncio
import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest

from counterfoil.cli.connections import KEEP_ALIVE_SECONDS
from tests.connecting import ASKED, listening, peers, until, whole

pytestmark = pytest.mark.anyio


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
            at_once = struct.pack("ii", 1, 0)  # both halves of the connection: a reset
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, at_once)
        await until(lambda: not connected)
        goes.set()
        await until(lambda: taken)
    assert taken == [False]


def recording() -> tuple[Any, list[str]]:
    """An app that answers, and the paths of those that it began to answer."""
    begun: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await whole(scope, receive, send)

    return app, begun


async def test_all_that_came_is_read_before_any_of_it_is_begun() -> None:
    """So that what reading needs of the processor is not fetched anew for each."""
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        order.append("begun")
        await whole(scope, receive, send)

    def is_brief(_: str) -> bool:
        order.append("read")
        return True

    async with listening(app, is_brief) as (port, connected), peers(port, 5) as made:
        await until(lambda: len(connected) == 5)
        for each in connected:  # as the loop tells them, one after the other
            each.data_received(ASKED)
        assert order == ["read"] * 5
        for reader, _ in made:
            assert (await reader.readuntil(b"\r\n\r\n/")).startswith(b"HTTP/1.1 200")
    assert order == ["read"] * 5 + ["begun"] * 5


async def test_who_is_gone_before_its_turn_is_not_begun() -> None:
    """A stranger who asks and goes, over and over, costs the reading alone."""
    app, begun = recording()

    async with (
        listening(app, lambda _: True) as (port, connected),
        peers(port, 2) as ((_, leaving), (reader, __)),
    ):
        await until(lambda: len(connected) == 2)
        name = leaving.get_extra_info("sockname")
        gone, stays = sorted(connected, key=lambda each: each.client != name)
        gone.data_received(b"GET /gone HTTP/1.1\r\nHost: x\r\n\r\n")
        stays.data_received(b"GET /stays HTTP/1.1\r\nHost: x\r\n\r\n")
        gone.connection_lost(None)
        assert (await reader.readuntil(b"/stays")).startswith(b"HTTP/1.1 200")
    assert begun == ["/stays"]


async def test_a_request_that_came_in_two_pieces_in_one_turn_is_begun_once() -> None:
    app, begun = recording()

    async with (
        listening(app, lambda _: True) as (port, connected),
        peers(port, 1) as ((reader, _),),
    ):
        await until(lambda: connected)
        (one,) = connected
        for piece in (b"GET /a HTTP/1.1\r\nHo", b"st: x\r\n\r\n", b"GET /b HTTP/1.1\r\nHost"):
            one.data_received(piece)
        one.data_received(b": x\r\n\r\n")
        answers = await reader.readuntil(b"/b")
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert begun == ["/a", "/b"]


@pytest.mark.parametrize("behind", [b"", b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_a_peer_that_sends_no_more_is_answered_what_it_asked(behind: bytes) -> None:
    """RFC 9112 §9.6: half of the connection is closed, and the other half is for the answer."""
    async with (
        listening(whole, lambda _: True) as (port, connected),
        peers(port, 20) as made,
    ):
        await until(lambda: len(connected) == 20)
        for _, writer in made:
            writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" + behind)
            writer.write_eof()
        for reader, _ in made:
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        await until(lambda: not connected)


async def test_a_peer_that_goes_after_its_answer_was_written_still_has_it() -> None:
    """Its end may be read in the same turn in which the answer waits to be passed on."""
    async with (
        listening(whole, lambda _: True) as (port, connected),
        peers(port, 1) as ((reader, _),),
    ):
        await until(lambda: connected)
        (one,) = connected
        one.data_received(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        one._begin()
        assert one.eof_received() is False
        assert (await reader.read()).endswith(b"\r\n\r\n/a")


@pytest.mark.parametrize("is_brief", [True, False])
async def test_a_peer_that_sends_no_more_is_answered_what_waits_and_no_stream(
    is_brief: bool,
) -> None:
    """A refresh token is spent by then. What may go on for ever ends: its reader may be gone."""
    goes, begun = asyncio.Event(), list[str]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await goes.wait()
        await whole(scope, receive, send)

    async with (
        listening(app, lambda _: is_brief) as (port, connected),
        peers(port, 1) as ((reader, writer),),
    ):
        writer.write(ASKED)
        await until(lambda: begun)
        (one,) = connected
        writer.write_eof()
        await until(lambda: one.transport.is_closing() or not one.cycle.keep_alive)
        goes.set()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 OK") == is_brief
        assert (b"connection: close" in answer) == is_brief
        await until(lambda: not connected)
