"""Answers in one piece: the same bytes in the same order, and only where it is so simple."""

import asyncio

import pytest

from tests.connecting import ASKED, listening, peers, until, whole

pytestmark = pytest.mark.anyio


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
