"""Tickets under real servers: what logs and apps see of them, and what asking for one may cost."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from litestar import Litestar, Request, Response, get, post
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil.guard import Guard, Options, Tickets
from counterfoil.guard import litestar as for_litestar
from counterfoil.guard import starlette as for_starlette
from counterfoil.guard.asgi import TOKEN, request_of
from tests.frameworks.apps import django_project
from tests.frameworks.serving import client, under_gunicorn, under_uvicorn, wait_until_heard
from tests.guard.desk import Desk
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = [pytest.mark.one_engine("no server of ours is there"), pytest.mark.anyio]
POLICY = Tickets(keys=(b"k" * 32,))
ENDLESS = 64 * 1024 * 1024


def of_starlette(guard: Guard) -> Any:
    guarded = for_starlette.Guarded(None, guard)

    @guarded()
    async def tickets(request: Any) -> Any:
        return await guarded.ticket(request)

    @guarded()
    async def file(request: Any) -> Any:
        return JSONResponse({"query": request.url.query})

    app = Starlette(routes=[Route("/tickets", tickets, methods=["POST"]), Route("/file", file)])
    guarded.init_app(app)
    return app


def of_litestar(guard: Guard) -> Any:
    guarded = for_litestar.Guarded(guard)

    @post("/tickets", guards=[guarded()])
    async def tickets(request: Request[Any, Any, Any]) -> Response[bytes]:
        body, scope = await request.body(), request.scope
        reply = guarded.gate.ticket(request_of(scope), scope[TOKEN], body)  # type: ignore[arg-type,typeddict-item]
        headers = {**reply.headers}
        kind = headers.pop("content-type")
        return Response(reply.body, status_code=reply.status, headers=headers, media_type=kind)

    @get("/file", guards=[guarded()])
    async def file(request: Request[Any, Any, Any]) -> dict[str, str]:
        return {"query": request.url.query}

    return Litestar([tickets, file], plugins=[guarded], openapi_config=None)


def of_django(guard: Guard) -> Any:
    app = django_project.asgi(guard)
    django_project.route(*django_project.with_tickets())
    return app


class Site(NamedTuple):
    """An app under uvicorn, a token for it, and what uvicorn writes down."""

    url: str
    token: str
    lines: list[str]


@pytest.fixture(
    params=[of_starlette, of_litestar, of_django], ids=["starlette", "litestar", "django"]
)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    build: Callable[[Guard], Any] = request.param
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("uvicorn.access")
    with TinyIssuer() as issuer:
        guard = Guard(issuer.url, audience=AUDIENCE, options=Options(tickets=POLICY))
        guard.start()
        assert guard.wait_until_fresh(10)
        lifespan = "off" if build is of_django else "on"
        options = {"log_level": "info", "log_config": None, "lifespan": lifespan}
        log.addHandler(handler)
        with under_uvicorn(build(guard), **options) as url:
            yield Site(url, issuer.token(), lines)
        log.removeHandler(handler)
        guard.stop()


def test_neither_the_log_of_the_server_nor_the_app_sees_it(site: Site):
    """S73: under ASGI the guard takes it out of what both read, in every framework."""
    headers = {"authorization": f"Bearer {site.token}"}
    answer = httpx2.post(f"{site.url}/tickets", json={"url": "/file?page=2"}, headers=headers)
    url = answer.json()["url"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    opened = httpx2.get(url)
    assert opened.status_code == 200
    assert "page=2" in opened.json()["query"]
    assert "ticket" not in opened.json()["query"]
    assert opened.headers["cache-control"] == "private, no-store"
    assert httpx2.get(url.replace("page=2", "page=3")).status_code == 401
    said = [line for line in site.lines if "/file" in line]
    assert "/file?page=2 " in said[0]
    assert "/file?page=3 " in said[1]
    assert "cftk_" not in str(site.lines)


WSGI = ("flask_app", "django_app", "plain_app")


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.mark.parametrize("app", WSGI)
def test_neither_the_log_of_gunicorn_nor_the_app_sees_it(
    issuer: TinyIssuer, app: str, tmp_path: Path
):
    """S73: under WSGI, too; what else a server writes down is its own."""
    log = tmp_path / "access.log"
    options = ("--access-logfile", str(log), "--log-level", "info")
    headers = {"authorization": f"Bearer {issuer.token()}"}
    target = f"tests.frameworks.apps.with_tickets:{app}()"
    with under_gunicorn(target, *options, TEST_ISSUER=issuer.url) as own:
        with client(own) as http:
            wait_until_heard(http, issuer.token())
        answer = httpx2.post(f"{own}/tickets", json={"url": "/file?page=2"}, headers=headers)
        url = answer.json()["url"]
        opened = httpx2.get(url)
        assert (opened.status_code, opened.json()["query"]) == (200, "page=2")
        assert opened.headers["referrer-policy"] == "no-referrer"
        assert opened.headers["cache-control"] == "private, no-store"
        assert httpx2.get(url.replace("page=2", "page=3")).json()["error_reason"] == "wrong_target"
    said = log.read_text()
    assert "/file?page=2 " in said
    assert "/file?page=3 " in said
    assert "cftk_" not in said


async def test_no_more_is_read_of_what_is_asked_for_than_a_ticket_needs(desk: Desk):
    """Whoever has a token, and no end of things to say, fills no memory."""
    app = of_starlette(desk.gate(tickets=POLICY).guard)
    read, answered = 0, []
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/tickets",
        "raw_path": b"/tickets",
        "query_string": b"",
        "headers": [
            (b"host", b"notes.example"),
            (b"authorization", f"Bearer {desk.token()}".encode()),
        ],
    }

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 65_536
        return {"type": "http.request", "body": b" " * 65_536, "more_body": read < ENDLESS}

    async def send(message: Any) -> None:
        answered.append(message)

    await app(scope, receive, send)
    assert answered[0]["status"] == 400
    assert read <= 2 * 65_536


def test_what_is_asked_for_is_short_in_every_framework(desk: Desk):
    gate = desk.gate(tickets=POLICY)
    headers = [(b"host", b"notes.example")]
    asked = request_of(
        {"method": "POST", "scheme": "https", "path": "/tickets", "headers": headers}
    )
    token = desk.guard.check(desk.token())
    body = b'{"url": "/file"}'
    assert gate.ticket(asked, token, body).status == 200
    assert gate.ticket(asked, token, body + b" " * 40_000).status == 400
