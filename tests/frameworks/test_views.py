"""Shapes of views that a framework allows, and what is easily forgotten about them."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from litestar import Litestar, get
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from counterfoil.guard import Act, Rejected
from counterfoil.guard import litestar as for_litestar
from counterfoil.guard import starlette as for_starlette
from counterfoil.guard.declared import Undeclared
from counterfoil.oauth.reasons import Reason
from tests.frameworks.apps import django_project
from tests.guard.desk import Desk

pytestmark = pytest.mark.anyio
LIMIT = {"type": "counterfoil_limit", "action": "pay", "unit": "EUR", "per_transaction": 9}


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.guard._follower._thread = threading.current_thread()  # the desk needs no thread
    yield desk
    desk.guard._follower._thread = None


async def ask(app: Any, path: str, token: str = "") -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        return await http.get(path, headers=headers)


async def test_a_whole_class_of_starlette_serves_whom_it_admits(desk: Desk):
    guarded = for_starlette.Guarded(None, desk.guard)

    @guarded("notes:read")
    class Notes(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse(request.state.token.subject)

    app = Starlette(routes=[Route("/notes", Notes)])
    guarded.init_app(app)
    assert (await ask(app, "/notes", desk.token())).text == "u1"
    assert (await ask(app, "/notes", desk.token(scope="other"))).status_code == 403
    assert (await ask(app, "/notes")).status_code == 401


async def test_a_view_of_starlette_that_takes_no_request_cannot_be_guarded(desk: Desk):
    """It is a mistake of the app, and lets nobody in."""
    guarded = for_starlette.Guarded(None, desk.guard)

    @guarded()
    async def notes() -> PlainTextResponse:
        return PlainTextResponse("secret")

    with pytest.raises(TypeError, match="takes the request"):
        await notes()


async def test_an_app_below_that_has_served_already_is_left_as_it_is(desk: Desk):
    """Its handlers of exceptions are built; a refusal is answered all the same."""
    guarded = for_starlette.Guarded(None, desk.guard)

    @guarded.open
    async def well(request: Request) -> PlainTextResponse:
        return PlainTextResponse("well")

    @guarded()
    async def inside(request: Request) -> PlainTextResponse:
        request.state.token.require("notes:admin")
        return PlainTextResponse("never")

    inner = Starlette(routes=[Route("/well", well), Route("/inside", inside)])
    assert (await ask(inner, "/well")).text == "well"
    app = Starlette(routes=[Mount("/inner", inner)])
    guarded.init_app(app)
    assert (await ask(app, "/inner/well")).text == "well"
    refused = await ask(app, "/inner/inside", desk.token())
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")


async def test_an_app_of_litestar_that_starts_again_is_guarded_once(desk: Desk):
    guarded = for_litestar.Guarded(desk.guard)

    @get("/notes", guards=[guarded("notes:read")])
    async def notes() -> str:
        return "notes"

    app = Litestar([notes], plugins=[guarded], openapi_config=None, logging_config=None)
    fronts = []
    for _ in range(2):
        async with app.lifespan():
            fronts.append(app.asgi_handler)
            assert (await ask(app, "/notes", desk.token())).text == "notes"
            assert (await ask(app, "/notes")).status_code == 401
    assert fronts[0] is fronts[1]


@pytest.fixture
def project(desk: Desk) -> Any:
    django_project.set_up(desk.guard)
    return django_project


def asgi_request(token: str = "") -> ASGIRequest:
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {"type": "http", "method": "GET", "path": "/notes", "headers": headers}
    return ASGIRequest({**scope, "scheme": "https", "client": ("192.0.2.7", 1)}, None)


async def test_a_method_of_a_django_class_may_be_waited_for(desk: Desk, project: Any):
    """``dispatch`` is a plain function that gives what its handlers give."""
    from django.utils.decorators import method_decorator
    from django.views import View

    guarded = project.settings.COUNTERFOIL

    @method_decorator(guarded("notes:read"), name="dispatch")
    class Notes(View):
        async def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(request.token.subject)

    view = Notes.as_view()
    assert (await view(asgi_request(desk.token()))).content == b"u1"
    assert (await view(asgi_request(desk.token(scope="other")))).status_code == 403
    assert (await view(asgi_request())).status_code == 401


def test_djangos_routes_by_language_are_no_way_around(project: Any):
    from django.conf.urls.i18n import i18n_patterns
    from django.urls import path
    from django.views import View

    guarded = project.settings.COUNTERFOIL
    project.route(*i18n_patterns(path("notes", View.as_view())))
    with pytest.raises(Undeclared) as undeclared:
        guarded.verify()
    assert [route.template for route in undeclared.value.routes] == ["/<language>/notes"]
    guarded.open_paths("/")
    with pytest.raises(Undeclared):
        guarded.verify()


def test_rest_framework_says_401_where_nobody_has_introduced_himself(desk: Desk, project: Any):
    """Another permission says no before ours could (RFC 9110 §15.5.2)."""
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from counterfoil.guard.rest_framework import Guarded, TokenAuthentication

    rest = Guarded(project.settings.COUNTERFOIL)

    class Notes(APIView):
        authentication_classes = (TokenAuthentication,)
        permission_classes = (IsAuthenticated, rest("notes:read"))

        def get(self, request: Any) -> Response:
            return Response(request.auth.subject)

    from django.urls import path

    project.route(path("notes", Notes.as_view()))
    rest.verify()
    factory, view = RequestFactory(), Notes.as_view()
    answer = view(factory.get("/notes", secure=True))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {desk.token()}"}
    assert view(factory.get("/notes", secure=True, **bearer)).data == "u1"
    project.route(path("notes", Notes.as_view()), path("bare", APIView.as_view()))
    with pytest.raises(Undeclared):
        rest.verify()


def test_rest_framework_spends_as_the_others_do(desk: Desk, project: Any):
    """S15."""
    from counterfoil.guard.rest_framework import Guarded

    rest = Guarded(project.settings.COUNTERFOIL)
    token = desk.guard.check(desk.token(authorization_details=[LIMIT]))
    rest.spend_blocking(token, Act("pay", 9, "EUR"))
    with pytest.raises(Rejected) as refused:
        rest.spend_blocking(token, Act("pay", 10, "EUR"))
    assert refused.value.reason is Reason.BEYOND_LIMIT


@pytest.mark.parametrize("path", ["/made//a", "/made/../notes"])
def test_a_path_below_an_open_one_that_can_be_read_in_two_ways_is_refused(project: Any, path: str):
    """A front end may have read another way, and let it through."""
    from django.urls import re_path

    def view(request: HttpRequest, file: str) -> HttpResponse:
        return HttpResponse(file)

    project.route(re_path(r"^made/(?P<file>.*)$", view))
    handler, request = get_wsgi_application(), RequestFactory()
    assert handler.get_response(request.get("/made/a", SERVER_NAME="127.0.0.1")).status_code == 200
    asked = request.get("/", SERVER_NAME="127.0.0.1")
    asked.path_info = asked.path = path
    assert handler.get_response(asked).status_code == 401
