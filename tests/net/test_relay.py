"""Requests and answers pass through as they are."""

import asyncio
from collections.abc import Iterator

import pytest

from counterfoil.net.http import Unreachable
from counterfoil.net.relay import Outgoing, Relay, Silent
from tests.bff.shop import OddApi, listening

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def odd() -> Iterator[tuple[OddApi, str]]:
    api = OddApi()
    with listening(api, lifespan="off") as port:
        yield api, f"http://127.0.0.1:{port}"


async def asked(outgoing: Outgoing) -> tuple[int, dict[str, str], bytes]:
    relay = Relay()
    try:
        async with relay.send(outgoing) as incoming:
            body = b"".join([piece async for piece in incoming.pieces])
            return incoming.status, dict(incoming.headers), body
    finally:
        await relay.aclose()


async def test_no_header_is_added_and_no_redirect_followed(odd: tuple[OddApi, str]):
    api, url = odd
    api.status, api.headers = 302, [(b"location", b"/elsewhere")]
    try:
        status, headers, _ = await asked(Outgoing("GET", f"{url}/a", {"x-one": "1"}, b""))
    finally:
        api.status, api.headers = 200, []
    assert (status, headers["location"]) == (302, "/elsewhere")
    assert {name for name, _ in api.seen[-1]["headers"]} == {b"host", b"x-one"}


async def test_no_cookie_is_kept_for_the_next(odd: tuple[OddApi, str]):
    """It would be somebody else's."""
    api, url = odd
    api.headers = [(b"set-cookie", b"a=b")]
    relay = Relay()
    try:
        for _ in range(2):
            async with relay.send(Outgoing("GET", url, {}, b"")) as incoming:
                assert incoming.every("set-cookie") == ("a=b",)
                assert [piece async for piece in incoming.pieces] == [b"odd"]
    finally:
        api.headers = []
        await relay.aclose()
    assert api.header("cookie") is None


async def test_every_octet_that_a_value_may_have_passes(odd: tuple[OddApi, str]):
    api, url = odd
    await asked(Outgoing("GET", url, {"accept-language": "\xe9"}, b""))
    assert api.header("accept-language") == "\xe9"


@pytest.mark.parametrize("first", [b"HTTP/1.1 999 Odd", b"HTTP/1.1 101 Switching Protocols"])
async def test_a_status_that_ends_no_request_is_no_answer(first: bytes):
    """No server could write it, and none of ours changes its protocol."""

    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first + b"\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(odd, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable):
            await asked(Outgoing("GET", f"http://127.0.0.1:{port}", {}, b""))


async def test_what_does_not_answer_is_named(odd: tuple[OddApi, str]):
    api, url = odd
    with pytest.raises(Unreachable, match="ConnectError"):
        await asked(Outgoing("GET", "http://127.0.0.1:9", {}, b""))
    api.is_silent = True
    try:
        with pytest.raises(Silent):
            await asked(Outgoing("GET", url, {}, b"", 0.2))
    finally:
        api.is_silent = False


async def test_an_address_that_is_not_safe_is_not_called():
    with pytest.raises(ValueError, match="https"):
        await asked(Outgoing("GET", "http://orders.example", {}, b""))
    assert "s3cret" not in repr(
        Outgoing("GET", "https://a.example", {"authorization": "s3cret"}, b"")
    )
