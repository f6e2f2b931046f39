"""Deny what is not declared: an app with a route that says nothing neither starts nor serves it."""

import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import anyio
import httpx2
import pytest
import uvicorn
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory, override_settings
from fastapi import APIRouter, FastAPI
from flask import Flask
from litestar import Litestar, WebSocket, get, post, websocket
from litestar.handlers import asgi
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from werkzeug.routing import Rule

from counterfoil.guard import Guard, Token
from counterfoil.guard import fastapi as for_fastapi
from counterfoil.guard import flask as for_flask
from counterfoil.guard import litestar as for_litestar
from counterfoil.guard import starlette as for_starlette
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.guard.declared import Undeclared
from tests.frameworks.apps import django_project
from tests.frameworks.serving import listening
from tests.guard.desk import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Desk().guard
    guard._follower._thread = threading.current_thread()  # the desk needs no thread
    yield guard
    guard._follower._thread = None


async def endpoint(_: Any) -> PlainTextResponse:
    return PlainTextResponse("bare")


async def ask(app: Any, path: str, method: str = "GET") -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        return await http.request(method, path)


def refusal(verify: Callable[..., None], *app: Any) -> list[str]:
    with pytest.raises(Undeclared) as undeclared:
        verify(*app)
    return [route.template for route in undeclared.value.routes]


async def test_uvicorn_does_not_start_such_an_app(guard: Guard):
    """S119: and is told which route it is, and what to write."""
    app = Starlette(routes=[Route("/notes", endpoint)])
    for_starlette.Guarded(app, guard)
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message)

    with pytest.raises(Undeclared):
        await app({"type": "lifespan"}, receive, send)
    assert [each["type"] for each in sent] == ["lifespan.startup.failed"]
    assert "/notes (" in sent[0]["message"]
    assert '@guarded("a scope")' in sent[0]["message"]
    config = uvicorn.Config(app, loop="asyncio", lifespan="on", log_level="critical")
    server = uvicorn.Server(config)

    def serve() -> None:
        with listening() as (listener, _), pytest.raises(SystemExit):
            server.run([listener])

    await anyio.to_thread.run_sync(serve)
    assert not server.started


def test_a_test_client_does_not_start_such_an_app(guard: Guard):
    """Starlette's hears of it by the exception alone; it would wait for ever where it ends."""
    app = Starlette(routes=[Route("/notes", endpoint)])
    for_starlette.Guarded(app, guard)
    with pytest.raises(Undeclared, match="/notes"), TestClient(app):
        raise AssertionError("it has started")


async def test_starlette_names_every_kind_of_route(guard: Guard):
    guarded = for_starlette.Guarded(None, guard)

    class Half(HTTPEndpoint):
        @guarded()
        async def get(self, request: Any) -> PlainTextResponse:
            return PlainTextResponse("guarded")

        async def delete(self, request: Any) -> PlainTextResponse:
            return PlainTextResponse("bare")

    class Silent(HTTPEndpoint):
        pass

    class Query(HTTPEndpoint):
        get = guarded()(endpoint)

        async def query(self, request: Any) -> PlainTextResponse:
            return PlainTextResponse("bare")

    class Own(HTTPEndpoint):
        get = guarded()(endpoint)

        async def dispatch(self) -> None:
            await PlainTextResponse("bare")(self.scope, self.receive, self.send)

    inner = Starlette(routes=[Route("/deep", endpoint), Route("/open", guarded.open(endpoint))])
    routes = [
        Route("/half", Half),
        Route("/silent", Silent),
        Route("/query", Query),
        Route("/own", Own),
        WebSocketRoute("/socket", bare_view),
        Mount("/static", StaticFiles(directory=".")),
        Mount("/app", Starlette(routes=[Route("/deep", bare_view)])),
        Host("x.example", Starlette(routes=[Route("/host", bare_view)])),
        Mount("/elsewhere", GuardMiddleware(inner, guard)),
        Route("/", bare_view),
    ]
    app = Starlette(routes=routes)
    said = refusal(guarded.verify, app)
    assert said == [
        "/half",
        "/silent",
        "/query",
        "/own",
        "/socket",
        "/static/{path}",
        "/app/deep",
        "/host",
        "/",
    ]
    guarded.open_paths(
        "/query", "/own", "/static/", "/half", "/silent", "/socket", "/app/", "/host", "/"
    )
    guarded.verify(app)


async def test_a_whole_class_may_declare(guard: Guard):
    guarded = for_starlette.Guarded(None, guard)

    @guarded()
    class Notes(HTTPEndpoint):
        async def get(self, request: Any) -> PlainTextResponse:
            return PlainTextResponse("guarded")

    class Bare(Notes):
        async def dispatch(self) -> None:
            await PlainTextResponse("bare")(self.scope, self.receive, self.send)

    app = Starlette(routes=[Route("/notes", Notes)])
    guarded.init_app(app)
    assert (await ask(app, "/notes")).status_code == 401
    assert (await ask(app, "/notes", "DELETE")).status_code == 401
    assert refusal(guarded.verify, Starlette(routes=[Route("/bare", Bare)])) == ["/bare"]


async def test_a_route_that_comes_late_is_denied(guard: Guard):
    """Also below a mount, and in the place of another."""
    guarded = for_starlette.Guarded(None, guard)
    health = guarded.open(lambda request: PlainTextResponse("well"))
    inner = Starlette(routes=[Route("/health", health)])
    app = Starlette(routes=[Route("/health", health), Mount("/inner", inner)])
    guarded.init_app(app)
    assert (await ask(app, "/health")).status_code == 200
    for routes in (app.router.routes, inner.router.routes):
        routes.append(Route("/late", bare_view))
        assert (await ask(app, "/late")).status_code == 500
        assert (await ask(app, "/inner/late")).status_code == 500
        routes.pop()
    app.router.routes[0] = Route("/health", bare_view)
    assert (await ask(app, "/health")).status_code == 500


async def bare_view(request: Any) -> PlainTextResponse:
    return PlainTextResponse("bare")


async def test_fastapi_looks_through_routers_and_frontends(guard: Guard, tmp_path: Any):
    app = FastAPI()
    guarded = for_fastapi.Guarded(app, guard)
    guarded.open_paths("/docs", "/docs/", "/redoc", "/openapi.json")
    router = APIRouter(prefix="/router")
    safe = APIRouter(prefix="/safe", dependencies=[guarded("notes:read")])
    safe.add_api_route("/notes", lambda: "guarded")

    def through(token: Annotated[Token, guarded()]) -> Token:
        return token

    @app.get("/through")
    def depends(token: Annotated[Token, guarded()]) -> str:
        return "guarded"

    app.include_router(router)
    app.include_router(safe)
    guarded.verify(app)
    router.add_api_route("/bare", lambda: "bare")
    app.mount("/sub", FastAPI(docs_url=None, redoc_url=None))
    assert sorted(refusal(guarded.verify, app)) == ["/router/bare", "/sub/openapi.json"]
    assert (await ask(app, "/router/bare")).status_code == 500
    (tmp_path / "index.html").write_text("frontend")
    app.router.frontend("/front", directory=str(tmp_path))
    assert "/front/{path}" in refusal(guarded.verify, app)


async def test_a_route_that_comes_late_to_a_router_is_denied(guard: Guard):
    app = FastAPI(openapi_url=None)
    guarded = for_fastapi.Guarded(app, guard)
    router = APIRouter()
    router.add_api_route("/health", guarded.open(lambda: "well"))
    app.include_router(router)
    assert (await ask(app, "/health")).status_code == 200
    router.add_api_route("/late", lambda: "bare")
    assert (await ask(app, "/late")).status_code == 500


async def test_litestar_does_not_start_and_denies_what_comes_late(guard: Guard):
    guarded = for_litestar.Guarded(guard)

    @get("/bare")
    async def bare() -> str:
        return "bare"

    @websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()

    @asgi("/mounted", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    @get("/health", guards=[guarded.open])
    async def health() -> str:
        return "well"

    @post("/late")
    async def late() -> str:
        return "bare"

    def app(*handlers: Any, **options: Any) -> Litestar:
        return Litestar(handlers, plugins=[guarded], logging_config=None, **options)

    said = refusal(guarded.verify, app(bare, socket, mounted, health, openapi_config=None))
    assert sorted(said) == ["/bare", "/mounted/{path}", "/socket"]
    assert any("/schema" in each for each in refusal(guarded.verify, app(health)))
    silent = app(health, openapi_config=None)
    assert (await ask(silent, "/health")).status_code == 200
    silent.register(late)
    assert (await ask(silent, "/late", "POST")).status_code == 500


async def test_litestar_may_not_give_one_users_answer_to_all(guard: Guard):
    """S99: it keeps answers by their URL."""
    guarded = for_litestar.Guarded(guard)

    def app(**options: Any) -> Litestar:
        @get("/notes", guards=[guarded()], cache=60, **options)
        async def notes() -> str:
            return "mine"

        return Litestar([notes], plugins=[guarded], openapi_config=None)

    with pytest.raises(ValueError, match="cached for all alike"):
        guarded.verify(app())
    guarded.verify(app(cache_key_builder=lambda request: request.auth.subject))


def test_flask_serves_nothing_with_such_a_route(guard: Guard):
    app = Flask(__name__)
    guarded = for_flask.Guarded(app, guard)
    app.add_url_rule("/bare", view_func=lambda: "bare", endpoint="bare")
    app.add_url_rule("/health", view_func=guarded.open(lambda: "well"), endpoint="health")
    assert refusal(guarded.verify, app) == ["/static/<path:filename>", "/bare"]
    for path in ("/bare", "/health", "/nowhere"):
        assert refusal(app.test_client().get, path)
    guarded.open_paths("/static/", "/bare")
    client = app.test_client()
    assert client.get("/bare").text == "bare"
    app.url_map.add(Rule("/late", endpoint="late", methods=["GET"]))
    app.view_functions["late"] = lambda: "bare"
    assert client.get("/late").status_code == 500
    assert client.get("/nowhere").status_code == 404


@pytest.fixture
def project(guard: Guard) -> Any:
    django_project.set_up(guard)
    return django_project


def test_django_does_not_start_and_its_check_fails(project: Any):
    """S119."""
    from django.urls import include, path, re_path
    from django.views import View
    from rest_framework.permissions import AllowAny
    from rest_framework.views import APIView

    from counterfoil.guard.rest_framework import Guarded

    guarded = project.settings.COUNTERFOIL
    rest = Guarded(guarded)

    class Chooses(APIView):
        permission_classes = (rest("notes:read"),)

        def get_permissions(self) -> list[Any]:
            return [AllowAny()]

    class Checks(APIView):
        permission_classes = (rest("notes:read"),)

        def check_permissions(self, request: Any) -> None:
            """Checks nothing."""

    class Begins(APIView):
        permission_classes = (rest("notes:read"),)

        def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
            """Asks nobody."""

    class Dispatches(APIView):
        permission_classes = (rest("notes:read"),)

        def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            """Asks nobody either."""

    class Or(APIView):
        permission_classes = (rest("notes:read") | AllowAny,)

    project.route(
        path("bare", View.as_view()),
        path("below/", include([re_path(r"^(?P<any>.*)$", View.as_view())])),
        re_path(r"^static(.*)$", View.as_view()),
        path("chooses", Chooses.as_view()),
        path("checks", Checks.as_view()),
        path("begins", Begins.as_view()),
        path("dispatches", Dispatches.as_view()),
        path("or", Or.as_view()),
        path("rest", APIView.as_view()),
        path("made/<name>", View.as_view()),
    )
    silent = [
        "/bare",
        "/below/<(?P<any>.*)$>",
        "/static<(.*)$>",
        "/chooses",
        "/checks",
        "/begins",
        "/dispatches",
        "/or",
        "/rest",
    ]
    assert refusal(guarded.verify) == silent
    assert refusal(get_wsgi_application) == silent
    with pytest.raises(SystemCheckError, match=r"counterfoil\.E001.*9 of this app's routes"):
        call_command("check")


def test_djangos_check_says_what_else_is_missing(project: Any):
    call_command("check")
    with override_settings(MIDDLEWARE=[]), pytest.raises(SystemCheckError, match=r"E002"):
        call_command("check")
    with override_settings(COUNTERFOIL=None), pytest.raises(ImproperlyConfigured, match="Guarded"):
        get_wsgi_application()


def test_django_denies_what_comes_late(project: Any):
    from django.urls import path

    def view(request: Any) -> Any:
        raise AssertionError

    handler = get_wsgi_application()
    project.settings.ROOT_URLCONF.urlpatterns.append(path("late", view))
    request = RequestFactory().get("/late", SERVER_NAME="127.0.0.1")
    assert handler.get_response(request).status_code == 500


@pytest.mark.parametrize("said", [bare_view, 7, None])
def test_what_is_no_demand_is_refused_when_it_is_written(guard: Guard, said: Any):
    """Such as a decorator whose parentheses were forgotten."""
    for guarded in (
        for_starlette.Guarded(None, guard),
        for_fastapi.Guarded(None, guard),
        for_flask.Guarded(None, guard),
        for_litestar.Guarded(guard),
    ):
        with pytest.raises(TypeError, match="write the name of a scope"):
            guarded(said)
