"""Peers that are slow, silent, endless or many at a real server: others are served, they go."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.attacks.served import said_in, served
from tests.installation import installed

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.one_engine("they are let go before anything is asked of the store"),
]

MANY = 300
CONNECTIONS_MOST = 200
PATIENCE = 20.0
MEGABYTE = 1024 * 1024
SETTINGS = {
    "COUNTERFOIL_REQUEST_SECONDS": "1",
    "COUNTERFOIL_CONNECTIONS_MOST": str(CONNECTIONS_MOST),
    "COUNTERFOIL_FOLLOWERS_PER_ADDRESS": "3",
}
GOOD = b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
POST = b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
KEPT = GOOD.replace(b"connection: close\r\n", b"")
FORM = b"grant_type=client_credentials"

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
async def port(on_engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """A real `counterfoil serve` with little patience and little room."""
    folder = tmp_path_factory.mktemp("slow")
    async with installed(folder / "data"):
        pass
    output = Path(folder / "output")
    async with served(folder / "data", output, SETTINGS) as address:
        yield int(address.rpartition(":")[2])
    assert b"Traceback" not in said_in(output)


async def peers(port: int, count: int, *sent: bytes) -> list[Peer]:
    """Peers that have connected and sent something, and now do nothing."""
    made = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(count)))
    for _, writer in made:
        for each in sent:
            writer.write(each)
    return made


async def told(peer: Peer) -> bytes:
    """All that a peer was told before it was let go."""
    reader, writer = peer
    answer = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while chunk := await reader.read(65_536):
                answer += chunk
    except ConnectionError:
        pass
    writer.close()
    return answer


async def all_told(many: Sequence[Peer]) -> set[bytes]:
    """The first lines of what they were told."""
    answers = await asyncio.gather(*map(told, many))
    return {answer.partition(b"\r\n")[0] for answer in answers}


async def is_served(port: int) -> bool:
    (peer,) = await peers(port, 1, GOOD)
    return (await told(peer)).startswith(b"HTTP/1.1 200 ")


def statuses(answer: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1.1 (\d{3})", answer)]


LATE = b"HTTP/1.1 408 Request Timeout"
SLOW = {
    b"": b"",
    b"\r\n\r\n": b"",
    b"GET /health/live HTT": LATE,
    b"GET /health/live HTTP/1.1\r\nhost: x\r\nx: ": LATE,
    POST + b"content-length: 100\r\n\r\nhalf": LATE,
    POST + b"transfer-encoding: chunked\r\n\r\n5\r\nhal": LATE,
}
"""What slow peers send, and what they are told in the end."""


async def test_requests_that_do_not_come_hold_nobody(port: int) -> None:
    """S119: slow loris, more of them than there is room for: newcomers are served at once."""
    slow = [peer for sent in SLOW for peer in await peers(port, MANY // len(SLOW), sent)]
    for _ in range(5):
        assert await is_served(port)
    assert await all_told(slow) <= {LATE, b""}


async def test_who_does_not_send_a_request_in_time_is_let_go(port: int) -> None:
    each = [(await peers(port, 1, sent))[0] for sent in SLOW]
    answers = await asyncio.gather(*map(told, each))
    assert [answer.partition(b"\r\n")[0] for answer in answers] == list(SLOW.values())


async def test_a_byte_now_and_then_buys_no_time(port: int) -> None:
    """Each byte of a head would otherwise begin the waiting anew."""
    ((reader, writer),) = await peers(port, 1, b"GET / HTTP/1.1\r\nx: ")
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                line = await asyncio.wait_for(reader.readline(), 0.1)
                break
            except TimeoutError:
                writer.write(b"a")
    assert statuses(line) == [408]
    writer.close()


async def test_a_second_request_that_does_not_come_is_let_go_too(port: int) -> None:
    """A line break after the first answer is no request, and stops no clock."""
    for more, answers in ((b"\r\n", []), (b"GET /", [408])):
        (peer,) = await peers(port, 1, KEPT)
        assert (await peer[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        peer[1].write(more)
        assert statuses(await told(peer)) == answers


@pytest.mark.parametrize(
    ("begin", "more", "status"),
    [
        (b"GET /", b"a", 431),
        (b"GET / HTTP/1.1\r\nx: ", b"a", 431),
        (b"GET / HTTP/1.1\r\n", b"x: y\r\n", 431),
        (POST + b"transfer-encoding: chunked\r\n\r\n1;", b"a", 431),
        (POST + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"x: y\r\n", 431),
        (POST + b"content-length: 1000000000\r\n\r\n", b"a", 400),
        (POST + b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n", 431),
    ],
    ids=["address", "header", "headers", "extension", "trailers", "body", "tiny chunks"],
)
async def test_what_does_not_end_is_cut_off(
    port: int, begin: bytes, more: bytes, status: int
) -> None:
    """Nothing that a peer sends grows in memory beyond a few hundred kilobytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begin)
    sent = 0
    try:
        while sent < 64 * MEGABYTE:
            writer.write(more * (65_536 // len(more)))
            sent += 65_536
            await writer.drain()
    except ConnectionError:
        pass
    assert sent < 16 * MEGABYTE, "what the kernel holds, and no more"
    assert set(statuses(await told((reader, writer)))) <= {status}
    assert await is_served(port)


async def test_a_body_that_is_too_long_is_told_so(port: int) -> None:
    body = b"x=" + b"y" * 100_000
    head = POST + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    (peer,) = await peers(port, 1, head + body)
    answer = await told(peer)
    assert statuses(answer) == [400]
    assert b"longer than 65536 bytes" in answer
    (slow,) = await peers(port, 1, (head + body)[:70_000])
    assert statuses(await told(slow)) == [400], "and not only once all of it has come"


async def test_too_many_headers_are_refused(port: int) -> None:
    many = GOOD[:-2] + b"x: y\r\n" * 200
    (whole,) = await peers(port, 1, many + b"\r\n")
    assert statuses(await told(whole)) == [400]
    (without_end,) = await peers(port, 1, many)
    assert statuses(await told(without_end)) == [431], "and not only once it is late"


async def test_who_asks_first_whether_to_send_the_body_is_told_to(port: int) -> None:
    """RFC 9110 §10.1.1."""
    head = POST + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(FORM)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE) == (
        b"HTTP/1.1 100 Continue\r\n\r\n"
    )
    writer.write(FORM)
    assert (await asyncio.wait_for(reader.readline(), PATIENCE)).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_requests_one_behind_the_other_are_answered_in_order_and_not_without_end(
    port: int,
) -> None:
    (few,) = await peers(port, 1, KEPT * 20 + GOOD)
    assert statuses(await told(few)) == [200] * 21
    many = await peers(port, 20, KEPT * 5_000)
    for each in many:
        assert len(statuses(await told(each))) < 100
    assert await is_served(port)


async def test_what_follows_a_good_request_and_is_none_does_not_take_its_answer(port: int) -> None:
    (peer,) = await peers(port, 1, GOOD.replace(b"connection: close\r\n", b"") + b"\x00\x01\r\n")
    assert statuses(await told(peer)) == [200]


async def test_who_goes_with_a_request_behind_leaves_no_follower_behind(port: int) -> None:
    """Places of followers are few; one that nobody gives back is lost for all guards, for ever."""
    (peer,) = await peers(port, 1, GOOD.replace(b"/health/live", b"/notices/snapshot"))
    statement = (await told(peer)).partition(b"\r\n\r\n")[2].splitlines()[0].decode()
    known = unverified_claims(statement)
    where = f"last-event-id: {known['epoch']}:{known['number']}\r\n\r\n".encode()
    follow = b"GET /notices HTTP/1.1\r\nhost: x\r\n" + where

    async def first_line() -> bytes:
        ((reader, writer),) = await peers(port, 1, follow * 2)
        line = await reader.readline()
        writer.transport.abort()
        return line

    taken = 0
    async with asyncio.timeout(PATIENCE):
        while taken < 10:  # the server sees by and by who has gone
            line = await first_line()
            assert line in {b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 429 Too Many Requests\r\n"}
            taken += b" 200 " in line
