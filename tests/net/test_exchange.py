"""Requests as values, sent by blocking and by async code alike."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from counterfoil.net.exchange import Answer, AsyncSender, BlockingSender, Exchange, Request
from counterfoil.net.http import MAX_BODY_BYTES, BadAnswer, HttpFailure, Unreachable


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/drip":
            self._drip()
        elif self.path == "/huge":
            self._say(b"x" * (MAX_BODY_BYTES + 1))
        else:
            self._tell()

    def do_POST(self) -> None:
        self._tell()

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while not self.server.over.wait(0.01):  # type: ignore[attr-defined]
                self.wfile.write(b" ")

    def _tell(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {"method": self.command, "path": self.path, "body": body.decode()}
        self._say(json.dumps(told | {"authorization": self.headers["Authorization"]}).encode())

    def _say(self, body: bytes) -> None:
        self.send_response(418 if self.path == "/teapot" else 200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.over = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.over.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


async def send(how: str, request: Request) -> Answer:
    if how == "async":
        async with AsyncSender() as sender:
            return await sender.send(request)
    blocking = BlockingSender()
    try:
        return blocking.send(request)
    finally:
        blocking.close()


pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("how", ["blocking", "async"])]


async def test_a_get(echo: str, how: str):
    answer = await send(how, Request(f"{echo}/x"))
    told = {"method": "GET", "path": "/x", "body": "", "authorization": None}
    assert (answer.status, answer.json()) == (200, told)


async def test_a_form_with_credentials(echo: str, how: str):
    request = Request(f"{echo}/t", {"a": "1 2", "b": "ü"}, "Basic s3cret")
    told = (await send(how, request)).json()
    assert (told["method"], told["body"]) == ("POST", "a=1+2&b=%C3%BC")
    assert told["authorization"] == "Basic s3cret"
    assert "s3cret" not in repr(request)


async def test_any_status_is_an_answer_and_no_redirect_is_followed(echo: str, how: str):
    assert (await send(how, Request(f"{echo}/teapot"))).status == 418
    assert (await send(how, Request(f"{echo}/away"))).status == 302


async def test_an_answer_without_end_is_refused(echo: str, how: str):
    with pytest.raises(BadAnswer, match="/huge answered with more than"):
        await send(how, Request(f"{echo}/huge"))


async def test_an_answer_that_comes_by_the_letter_is_given_up(
    echo: str, how: str, monkeypatch: pytest.MonkeyPatch
):
    """Each piece comes in time, and the end never does."""
    monkeypatch.setattr("counterfoil.net.exchange.WHOLE", 0.05)
    with pytest.raises(Unreachable, match="did not end"):
        await send(how, Request(f"{echo}/drip"))


@pytest.mark.parametrize("url", ["http://id.example/x", "ftp://127.0.0.1/", "no address"])
async def test_plain_http_stays_on_this_machine(how: str, url: str):
    with pytest.raises(BadAnswer):
        await send(how, Request(url))


async def test_nobody_there(how: str):
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9/x"):
        await send(how, Request("http://127.0.0.1:9/x"))


@pytest.mark.parametrize(
    ("media_type", "body"),
    [("text/html", b"{}"), ("application/json", b"[]"), ("application/json", b'{"a":1,"a":2}')],
)
async def test_what_is_no_json_object_is_refused(how: str, media_type: str, body: bytes):
    assert how
    with pytest.raises(BadAnswer, match=r"https://id\.example/x"):
        Answer("https://id.example/x", 200, media_type, body).json()


async def test_a_flow_is_driven_to_its_result(echo: str, how: str):
    def flow() -> Exchange[str]:
        first = yield Request(f"{echo}/1")
        second = yield Request(f"{echo}/2", {})
        return f"{first.json()['path']} {second.json()['method']}"

    if how == "async":
        async with AsyncSender() as sender:
            assert await sender.run(flow()) == "/1 POST"
    else:
        blocking = BlockingSender()
        assert blocking.run(flow()) == "/1 POST"
        blocking.close()


async def test_a_flow_may_go_on_where_no_answer_came(echo: str, how: str):
    def flow() -> Exchange[int]:
        try:
            yield Request("http://127.0.0.1:9/x")
        except Unreachable:
            return (yield Request(f"{echo}/teapot")).status
        return 0

    if how == "async":
        async with AsyncSender() as sender:
            assert await sender.run(flow()) == 418
    else:
        blocking = BlockingSender()
        assert blocking.run(flow()) == 418
        blocking.close()


async def test_what_goes_wrong_ends_the_flow(echo: str, how: str):
    ended = []

    def flow() -> Exchange[None]:
        try:
            yield Request(f"{echo}/huge")
        finally:
            ended.append(how)

    if how == "async":
        async with AsyncSender() as sender:
            with pytest.raises(HttpFailure):
                await sender.run(flow())
    else:
        blocking = BlockingSender()
        with pytest.raises(HttpFailure):
            blocking.run(flow())
        blocking.close()
    assert ended == [how]
