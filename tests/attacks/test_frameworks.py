"""Ways around a guard that a framework may open: paths, methods, headers, swallowed refusals."""

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import Depends, FastAPI
from flask import Flask, g
from litestar import Litestar, get
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.websockets import WebSocket

from counterfoil.guard import Guard
from counterfoil.guard import asgi as for_asgi
from counterfoil.guard import fastapi as for_fastapi
from counterfoil.guard import flask as for_flask
from counterfoil.guard import litestar as for_litestar
from counterfoil.guard import starlette as for_starlette
from counterfoil.guard.asgi import GuardMiddleware
from tests.frameworks.apps import django_project
from tests.frameworks.served import FRAMEWORKS, Api, Servers
from tests.guard.desk import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("no server of ours is there")]
OPEN = {"well", "file"}
"""All that anybody may read without a token."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers() as servers:
        yield servers


@pytest.fixture(scope="module", params=FRAMEWORKS)
def api(request: pytest.FixtureRequest, servers: Servers) -> Api:
    return servers.api(request.param)


def sent(api: Api, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Send a path just as it is written: a careful client would tidy it up."""
    parts = urlsplit(api.url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    target = path if path.startswith("http") else api.framework.prefix + path
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, body


@pytest.mark.parametrize(
    "path",
    [
        "/made/%2e%2e/notes",
        "/made/../notes",
        "/made/..%2fnotes",
        "/made%2f..%2fnotes",
        "/made/..;/notes",
        "/made/;/../notes",
        "/made/%252e%252e/notes",
        "/made/..%5cnotes",
        "/made//notes",
        "/made//../notes",
        "/made/./../notes",
        "/health/../notes",
        "/health%2f..%2fnotes",
        "/health;/../notes",
        "/health%00/../notes",
        "/notes%00/health",
        "/notes/",
        "/notes//",
        "/notes/.",
        "/notes/health",
        "/notes;/health",
        "/notes;x=/made/",
        "/notes%3f/health",
        "/notes%23/health",
        "/NOTES",
        "/%6eotes",
        "/%6E%6F%74%65%73",
        "//notes",
        "/./notes",
        "/x/../notes",
        "/notes?path=/health",
        "/notes?/made/",
        "http://127.0.0.1/notes",
        "http://evil.example/made/../notes",
    ],
)
def test_no_spelling_of_a_path_leads_around_the_guard(api: Api, path: str):
    """S119: whatever a server or a router makes of it, without a token only what is open is read.

    No view is entered either: each would fail without its token, and that would be a 500.
    """
    status, body = sent(api, path)
    assert status < 500, body
    assert status != 200 or body in OPEN
    assert "subject" not in body


@pytest.mark.parametrize(
    "method",
    ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "GETS", "PROPFIND", "*"],
)
@pytest.mark.parametrize("path", ["/notes", "/write"])
def test_no_method_leads_around_the_guard(api: Api, path: str, method: str):
    """Nor a header that names another; what OPTIONS may tell is which methods there are."""
    override = {"X-HTTP-Method-Override": "GET", "X-HTTP-Method": "GET", "X-Method-Override": "GET"}
    for headers in ({}, override):
        status, body = sent(api, path, method, **headers)
        assert status < 500 or status == 501, body
        assert status >= 300 or (method == "OPTIONS" and not body), (status, body)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "http", "X_Forwarded_Proto": "https"},
        {"X_Forwarded_Proto": "https", "X-Forwarded-Proto": "http"},
        {"X-Forwarded-Proto": "http, http"},
        {"X-Forwarded-Proto": "http", "Forwarded": "proto=https"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
    ],
)
def test_nobody_talks_the_guard_into_plain_http(api: Api, headers: dict[str, str]):
    """S94: also where an environ cannot tell ``_`` from ``-``, and where one proxy contradicts."""
    bearer = f"Bearer {api.issuer.token()}"
    status, body = sent(api, "/notes", Authorization=bearer, **headers)
    assert (status, "insecure_transport" in body) == (400, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"SCRIPT_NAME": "/made"},
        {"Script-Name": "/made"},
        {"PATH_INFO": "/health"},
        {"REMOTE_USER": "admin", "Remote-User": "admin"},
        {"X-Original-URL": "/health", "X-Rewrite-URL": "/health"},
        {"X-Forwarded-Prefix": "/made", "X-Script-Name": "/made"},
        {"counterfoil.token": "x", "Counterfoil-Token": "x"},
    ],
)
def test_no_header_names_another_path_or_person(api: Api, headers: dict[str, str]):
    status, body = sent(api, "/notes", **headers)
    assert status >= 400
    assert "subject" not in body


@pytest.mark.parametrize("name", ["AUTHORIZATION", "authorization", "aUtHoRiZaTiOn"])
def test_the_case_of_a_header_decides_nothing(api: Api, name: str):
    bearer = f"Bearer {api.issuer.token()}"
    assert sent(api, "/notes", **{name: bearer})[0] == 200
    status, body = sent(
        api,
        "/notes",
        **{name: bearer, "Authorization": "Bearer x.y.z"} if name != "Authorization" else {},
    )
    assert status == 401
    assert "malformed" in body


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Desk().guard
    guard._follower._thread = threading.current_thread()  # the desk needs no thread
    yield guard
    guard._follower._thread = None


async def ask(app: Any, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        return await http.get(path)


def swallowed(*_: Any) -> Any:
    return PlainTextResponse("nothing has happened")


async def test_starlette_and_fastapi_swallow_no_refusal(guard: Guard):
    """Neither handlers of all exceptions nor middleware that catches them turn it into a 200."""

    async def catching(request: Any, call_next: Any) -> Any:
        try:
            return await call_next(request)
        except Exception:  # whatever it is
            return swallowed()

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=catching)]
    options = {"exception_handlers": {Exception: swallowed, 401: swallowed, 500: swallowed}}
    guarded = for_starlette.Guarded(None, guard)

    @guarded()
    async def never(request: Any) -> Any:
        raise AssertionError

    app = Starlette(routes=[Route("/notes", never)], middleware=middleware, **options)
    guarded.init_app(app)
    api = FastAPI(openapi_url=None, middleware=middleware, **options)
    dependent = for_fastapi.Guarded(api, guard)

    @api.get("/notes", dependencies=[dependent()])
    async def notes() -> None:
        raise AssertionError

    sub = FastAPI(openapi_url=None, **options)
    sub.add_api_route("/notes", never_api, dependencies=[dependent()])
    api.mount("/sub", sub)
    for each, path in ((app, "/notes"), (api, "/notes"), (api, "/sub/notes")):
        answer = await ask(each, path)
        assert (answer.status_code, answer.json()["error_reason"]) == (401, "missing")


async def never_api() -> None:
    raise AssertionError


async def test_litestar_swallows_no_refusal(guard: Guard):
    from litestar import Response

    def swallow(*_: Any) -> Any:
        return Response("nothing has happened", status_code=200)

    guarded = for_litestar.Guarded(guard)

    @get("/notes", guards=[guarded()], exception_handlers={Exception: swallow, 401: swallow})
    async def notes() -> None:
        raise AssertionError

    handlers = {Exception: swallow, 500: swallow}
    app = Litestar(
        [notes], plugins=[guarded], openapi_config=None, exception_handlers=handlers,
        logging_config=None,
    )  # fmt: skip
    answer = await ask(app, "/notes")
    assert (answer.status_code, answer.json()["error_reason"]) == (401, "missing")


def test_flask_swallows_no_refusal(guard: Guard):
    app = Flask(__name__, static_folder=None)
    guarded = for_flask.Guarded(app, guard)
    app.register_error_handler(Exception, lambda _: "nothing has happened")
    app.register_error_handler(401, lambda _: "nothing has happened")

    @app.get("/notes")
    @guarded()
    def notes() -> str:
        raise AssertionError

    @app.get("/later")
    @guarded.open
    def later() -> str:
        from counterfoil.guard import Rejected
        from counterfoil.oauth.reasons import Reason

        raise Rejected(Reason.NOT_PERMITTED)

    client = app.test_client()
    assert client.get("/notes").json["error_reason"] == "missing"
    assert client.get("/later").json["error_reason"] == "not_permitted"
    with app.test_request_context():
        assert "token" not in g


def test_django_and_rest_framework_swallow_no_refusal(guard: Guard):
    django_project.set_up(guard)
    from django.test import Client, override_settings
    from django.urls import path
    from rest_framework.views import APIView

    from counterfoil.guard.rest_framework import Guarded

    guarded = django_project.settings.COUNTERFOIL

    @guarded()
    def never(request: Any) -> Any:
        raise AssertionError

    class Never(APIView):
        authentication_classes = ()
        permission_classes = (Guarded(guarded)(),)

        def get(self, request: Any) -> Any:
            raise AssertionError

    django_project.route(path("notes", never), path("rest", Never.as_view()))
    middleware = [*django_project.settings.MIDDLEWARE, f"{__name__}.Swallowing"]
    with override_settings(MIDDLEWARE=middleware):
        answer = Client(SERVER_NAME="127.0.0.1").get("/notes")
        assert answer.json()["error_reason"] == "missing"
    answer = Client(SERVER_NAME="127.0.0.1").get("/rest")
    assert (answer.status_code, answer.json()["error_reason"]) == (401, "missing")


class Swallowing:
    """A middleware that answers every exception."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        return self.get_response(request)

    def process_exception(self, request: Any, error: Exception) -> Any:
        from django.http import HttpResponse

        return HttpResponse("nothing has happened")


async def test_an_open_path_of_an_inner_app_is_open_there_alone(guard: Guard):
    """Below a mount it begins where the app is mounted, whatever the whole path says."""

    async def said(request: Any) -> Any:
        return JSONResponse(request.url.path)

    inner = Starlette(routes=[Route("/{rest:path}", said)])
    guarded = GuardMiddleware(inner, guard, open_paths=("/health", "/api/notes"))
    app = Starlette(routes=[Mount("/api", guarded), Mount("/", guarded)])
    assert (await ask(app, "/api/health")).json() == "/api/health"
    assert (await ask(app, "/api/notes")).status_code == 401
    assert (await ask(app, "/health")).status_code == 200
    assert (await ask(app, "/apihealth")).status_code == 401
    assert for_asgi.path_within({"path": "/apihealth", "root_path": "/api"}) == "/apihealth"


async def test_a_dependency_is_no_guard_unless_it_is_one(guard: Guard):
    """What only looks like one does not make a route declared."""
    app = FastAPI(openapi_url=None)
    guarded = for_fastapi.Guarded(app, guard)

    @app.get("/notes", dependencies=[Depends(lambda: guarded)])
    async def notes() -> str:
        return "bare"

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    assert (await ask(app, "/notes")).status_code == 500
    with pytest.raises(Exception, match=r"2 of this app's routes"):
        guarded.verify(app)
