"""What the guard asks the network, against a real server on loopback."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from counterfoil.net.event_stream import Event
from counterfoil.net.http import (
    MAX_BODY_BYTES,
    BadAnswer,
    HttpClient,
    Unreachable,
    demand_safe,
    is_loopback,
)

pytestmark = pytest.mark.anyio


async def echo(request: Request) -> Response:
    form = (await request.body()).decode()
    told = {"authorization": request.headers.get("authorization"), "form": form}
    return JSONResponse(told | {"type": request.headers.get("content-type")})


async def stream(request: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        yield f"id: {request.headers.get('last-event-id', 'none')}\ndata: a\n\n".encode()
        yield b"data: b\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def answer(body: bytes, status: int = 200, media_type: str = "application/json") -> object:
    return lambda _request: Response(body, status, media_type=media_type)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    routes = [
        Route("/object", answer(b'{"a": 1}', media_type="Application/JSON; charset=utf-8")),
        Route("/html", answer(b'{"a": 1}', media_type="text/html")),
        Route("/twice", answer(b'{"a": 1, "a": 2}')),
        Route("/list", answer(b"[]")),
        Route("/missing", answer(b"{}", 404)),
        Route("/long", answer(b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}')),
        Route("/text", answer(b"abc", media_type="application/jwt")),
        Route("/bytes", answer(b"\xff", media_type="application/jwt")),
        Route("/elsewhere", lambda _request: RedirectResponse("/object")),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/endless", answer(b"data: " + b"x" * 300_000, media_type="text/event-stream")),
    ]
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(Starlette(routes=routes), log_level="critical", lifespan="off")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        running.should_exit = True
        thread.join(10)


async def test_a_document_is_fetched(server: str):
    async with HttpClient() as http:
        assert await http.get_json(f"{server}/object") == {"a": 1}


@pytest.mark.parametrize("path", ["html", "twice", "list", "missing", "long", "elsewhere"])
async def test_only_what_was_promised_is_taken(server: str, path: str):
    """Wrong type, a name given twice, another status, too long, a redirect: all are refused."""
    async with HttpClient() as http:
        with pytest.raises(BadAnswer, match=f"/{path}"):
            await http.get_json(f"{server}/{path}")


async def test_a_long_document_comes_in_pieces(server: str):
    async with HttpClient() as http, http.pieces(f"{server}/text", "application/jwt") as pieces:
        assert b"".join([piece async for piece in pieces]) == b"abc"


@pytest.mark.parametrize("path", ["object", "missing", "elsewhere"])
async def test_pieces_are_of_the_type_that_was_promised(server: str, path: str):
    async with HttpClient() as http:
        with pytest.raises(BadAnswer, match=f"/{path}"):
            async with http.pieces(f"{server}/{path}", "application/jwt"):
                pass


async def test_a_form_is_sent_with_credentials(server: str):
    async with HttpClient() as http:
        said = await http.post_form(f"{server}/echo", {"token": "a b"}, ("id", "secret"))
        told = await http.ask_json(f"{server}/echo", b'{"a": 1}', ("id", "secret"))
    authorization = {"authorization": "Basic aWQ6c2VjcmV0"}
    form_type = "application/x-www-form-urlencoded"
    assert said == authorization | {"form": "token=a+b", "type": form_type}
    assert told == authorization | {"form": '{"a": 1}', "type": "application/json"}


async def test_a_refusal_says_with_which_status(server: str):
    async with HttpClient() as http:
        with pytest.raises(BadAnswer) as refused:
            await http.ask_json(f"{server}/missing", b"{}", ("id", "secret"))
        assert refused.value.status in (404, 405)
        with pytest.raises(BadAnswer) as odd:
            await http.get_json(f"{server}/html")
        assert odd.value.status == 0


async def test_a_stream_is_followed(server: str):
    async with (
        HttpClient() as http,
        http.events(f"{server}/stream", {"Last-Event-ID": "e1:7"}) as events,
    ):
        assert [each async for each in events] == [
            Event("message", "a", "e1:7"),
            Event("message", "b", "e1:7"),
        ]


async def test_an_endless_line_is_cut(server: str):
    async with HttpClient() as http:
        with pytest.raises(BadAnswer, match="longer than"):
            async with http.events(f"{server}/endless", {}) as events:
                assert [each async for each in events] == []


async def test_no_answer_says_where():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        async with HttpClient() as http:
            with pytest.raises(Unreachable, match=url):
                await http.get_json(url)


async def test_a_server_that_never_answers_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with HttpClient(timeout=0.05) as http:
            with pytest.raises(Unreachable, match="Timeout"):
                await http.get_json(f"http://127.0.0.1:{silent.getsockname()[1]}/x")


async def test_a_proxy_of_the_environment_never_sees_loopback(
    server: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with HttpClient() as http:
        assert await http.get_json(f"{server}/object") == {"a": 1}


@pytest.mark.parametrize(
    "url",
    ["https://a.example/x", "http://127.0.0.1:8000", "http://[::1]/", "http://localhost:1/a"],
)
def test_https_and_loopback_are_safe(url: str):
    assert demand_safe(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "ftp://a.example/",
        "https://",
        "a",
        "",
        "https://u:p@a.example/",
        "https://a.example/#x",
        "http://127.0.0.1.evil.example/",
        "http://[::1",
        "http://10.0.0.1/",
    ],
)
async def test_anything_else_is_never_called(url: str):
    """S94: plain http is for this machine alone."""
    with pytest.raises(ValueError, match=r"URL|address|https"):
        demand_safe(url)
    async with HttpClient() as http:
        with pytest.raises(BadAnswer):
            await http.get_json(url)


def test_this_machine_has_several_names():
    assert [is_loopback(host) for host in ("127.8.8.8", "::1", "localhost", "0.0.0.0", "x")] == [
        True, True, True, False, False,
    ]  # fmt: skip
