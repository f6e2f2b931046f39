"""What reaches a real server over a real socket: smuggled, split and slow requests (RFC 9112)."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attacks.served import said_in, served
from tests.installation import installed

pytestmark = pytest.mark.anyio

BODY = b"grant_type=client_credentials"
QUIET = 0.5
"""Seconds of silence after which the sender gives up."""
FORM = b"content-type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
async def port(on_engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """A real `counterfoil serve`."""
    folder = tmp_path_factory.mktemp("wire")
    async with installed(folder / "data"):
        pass
    output = Path(folder / "output")
    async with served(folder / "data", output) as address:
        yield int(address.rpartition(":")[2])
    assert b"Traceback" not in said_in(output)


async def said(port: int, *sent: bytes) -> bytes:
    """Send raw bytes on one connection, and give all that comes back until it is quiet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = b""
    try:
        for each in sent:
            writer.write(each)
            await writer.drain()
        while True:
            try:
                chunk = await asyncio.wait_for(reader.read(65_536), QUIET)
            except TimeoutError:
                writer.write_eof()  # it waits for more of what is no request
                chunk = await asyncio.wait_for(reader.read(65_536), 20)
            if not chunk:
                return told
            told += chunk
    except (ConnectionError, RuntimeError):
        return told
    finally:
        writer.close()


def post(*headers: bytes, body: bytes = BODY, path: bytes = b"/token") -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + FORM
    return head + b"".join(each + b"\r\n" for each in headers) + b"\r\n" + body


def statuses(answer: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1.1 (\d{3})", answer)]


LENGTH = b"content-length: %d" % len(BODY)
SMUGGLED = b"GET /account/apps HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        (LENGTH, b"transfer-encoding: chunked"),
        (b"transfer-encoding: chunked", LENGTH),
        (LENGTH, b"content-length: 5"),
        (b"content-length: 5, 6",),
        (b"content-length: -1",),
        (b"content-length: +29",),
        (b"content-length: 0x1d",),
        (b"transfer-encoding: chunked, identity",),
        (b"transfer-encoding: xchunked",),
        (b"transfer-encoding : chunked",),
        (b"content length: 5",),
        (b"x\x00y: z", LENGTH),
        (b" folded: x", LENGTH),
    ],
    ids=lambda headers: headers[0].decode("latin-1"),
)
async def test_a_request_that_two_servers_would_read_differently_is_refused(
    port: int, headers: tuple[bytes, ...]
) -> None:
    """Request smuggling: no second request comes out of an ambiguous first (RFC 9112 §6.3)."""
    kept_open = post(*headers, body=BODY + SMUGGLED).replace(b"connection: close\r\n", b"")
    answer = await said(port, kept_open)
    assert statuses(answer) == [400]
    assert b"/sign-in" not in answer, "the smuggled request was answered"


async def test_a_good_request_is_answered(port: int) -> None:
    """The counter-proof: it fails for its missing client, and for nothing else."""
    for each in (
        post(LENGTH),
        post(b"transfer-encoding: chunked", body=b"1d\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ):
        answer = await said(port, each)
        assert statuses(answer) == [401]
        assert b"invalid_client" in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x00" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        b"GET /static/../../../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /static/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-key: eA==\r\nsec-websocket-version: 13\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:30]),
)
async def test_nothing_on_the_wire_breaks_the_server(port: int, sent: bytes) -> None:
    """S119: not HTTP, too much HTTP, another protocol: an error or silence, and it goes on."""
    answer = await said(port, sent)
    assert all(status < 500 for status in statuses(answer))
    assert b"root:" not in answer
    assert b"evil.example" not in answer
    assert statuses(
        await said(port, b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    ) == [200]


async def test_the_server_does_not_say_what_it_is_made_of(port: int) -> None:
    for path in (b"/", b"/nowhere", b"/token"):
        answer = await said(
            port, b"GET " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in head
        assert b"x-powered-by" not in head
        assert b"uvicorn" not in answer.lower()
