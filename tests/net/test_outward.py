"""A request to an address that somebody else has named goes where it may, and nowhere else."""

import asyncio
import ssl
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from counterfoil.net import outward
from counterfoil.net.http import BadAnswer, Unreachable
from counterfoil.net.outward import LOOPBACK, NotOutside, OutwardClient, may_be_called
from tests.bff.certificate import certificate_for
from tests.receiving import Receiver, receiver

pytestmark = pytest.mark.anyio
FORM = {"logout_token": "t"}


@pytest.fixture
def place() -> Iterator[Receiver]:
    with receiver() as place:
        yield place


async def post(url: str, *allowed: Any) -> int:
    client = OutwardClient(allowed)
    try:
        return await client.post_form(url, FORM)
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:a00:1::", "64:ff9b::a00:1",
        "2001:0:a00:1::1",
    ],
)  # fmt: skip
def test_what_is_not_of_the_internet_is_not_called(address: str):
    assert not may_be_called(ip_address(address), ())


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_what_is_may_be(address: str):
    assert may_be_called(ip_address(address), ())


def test_what_was_allowed_may_be():
    networks = [ip_network("10.0.0.0/8")]
    assert may_be_called(ip_address("10.1.2.3"), networks)
    assert not may_be_called(ip_address("10.1.2.3"), [ip_network("fc00::/7")])
    assert not may_be_called(ip_address("127.0.0.1"), networks)


async def test_a_form_arrives_and_its_status_comes_back(place: Receiver):
    assert await post(place.url, *LOOPBACK) == 200
    (path, headers) = place.asked[0]
    assert (path, place.tokens) == ("/logged-out", ["t"])
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["host"] == f"127.0.0.1:{place.server_port}"


async def test_a_name_that_leads_into_a_network_of_ours_leads_nowhere(place: Receiver):
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(NotOutside):
            await post(place.url.replace("127.0.0.1", host))
    assert place.asked == []


async def test_the_connection_goes_to_the_address_that_was_judged(
    place: Receiver, monkeypatch: pytest.MonkeyPatch
):
    """A name server that answers another address the second time is asked only once."""
    asked = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    url = f"http://localhost:{place.server_port}/x?y=1"
    assert await post(url, *LOOPBACK) == 200
    assert asked == ["localhost"]
    assert place.asked[0][1]["host"] == f"localhost:{place.server_port}"
    assert place.asked[0][0] == "/x?y=1"


async def test_an_address_that_refuses_is_followed_by_the_next(place: Receiver):
    """The receiver listens on IPv4 alone, and localhost may be ::1 first."""
    assert await post(place.url.replace("127.0.0.1", "localhost"), *LOOPBACK) == 200


async def test_a_redirect_is_not_followed(place: Receiver):
    place.status, place.headers = 307, {"Location": place.url + "/elsewhere"}
    assert await post(place.url, *LOOPBACK) == 307
    assert [path for path, _ in place.asked] == ["/logged-out"]


async def test_who_hangs_is_left(place: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outward, "WHOLE", 0.2)
    place.manner = "hang"
    with pytest.raises(Unreachable, match="no answer"):
        await post(place.url, *LOOPBACK)


async def test_a_body_without_end_is_not_read(place: Receiver):
    place.manner = "endless"
    assert await post(place.url, *LOOPBACK) == 200


@pytest.mark.parametrize(
    "url", ["http://app.example/", "ftp://app.example/", "https://u@app.example/", "https://x:y"]
)
async def test_what_is_no_address_of_the_web_is_none(url: str):
    with pytest.raises(BadAnswer):
        await post(url)


async def test_a_port_where_nobody_listens_is_unreachable(place: Receiver):
    port = place.server_port
    place.socket.close()
    with pytest.raises(Unreachable):
        await post(f"http://127.0.0.1:{port}/", *LOOPBACK)


async def test_who_answers_must_be_whom_the_address_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The certificate is judged by the name, although the connection goes to the address."""
    files = certificate_for(tmp_path, "app.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setenv("SSL_CERT_FILE", files["ssl_certfile"])
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    async with server:
        assert await post(f"https://app.example:{port}/", *LOOPBACK) == 204
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            await post(f"https://other.example:{port}/", *LOOPBACK)
