"""Django, and Django REST framework below ``/rest``: functions and classes, sync and async."""

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from counterfoil.guard import Guard
from counterfoil.guard.demands import MaxAge
from counterfoil.guard.django import Guarded
from tests.frameworks.apps.guards import REALM, guard_from_environment

MIDDLEWARE = "counterfoil.guard.django.GuardMiddleware"


def set_up(guard: Guard) -> None:
    """Django keeps its settings for a whole process; a test after another sets them anew."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            COUNTERFOIL=None,
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
            LOGGING_CONFIG=None,
            MIDDLEWARE=[MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"],
            SECRET_KEY="a secret of nobody",
            USE_TZ=True,
        )
        django.setup()
    settings.COUNTERFOIL = Guarded(guard, realm=REALM)
    route(*project())


def route(*patterns: Any) -> None:
    """Let the project have these routes, and no others."""
    from django.urls import clear_url_caches

    settings.ROOT_URLCONF = urlconf(list(patterns))
    clear_url_caches()


def urlconf(patterns: list[Any]) -> ModuleType:
    module = ModuleType("urls_of_a_test")
    module.urlpatterns = patterns
    return module


def project() -> list[Any]:
    from django.urls import include, path, re_path
    from django.views import View

    guarded = settings.COUNTERFOIL
    guarded.open_paths("/made/")

    class Notes(View):
        async def get(self, request: HttpRequest) -> HttpResponse:
            return JsonResponse({"subject": request.token.subject})

    @guarded("notes:write")
    def write(request: HttpRequest) -> HttpResponse:
        return JsonResponse({"written": request.token.subject})

    read = guarded("notes:read")(Notes.as_view())

    @guarded("notes:read")
    def twin(request: HttpRequest) -> HttpResponse:
        return JsonResponse({"subject": request.token.subject})

    @guarded(MaxAge(60))
    async def recent(request: HttpRequest) -> HttpResponse:
        return JsonResponse({"subject": request.token.subject})

    @guarded()
    def inside(request: HttpRequest) -> HttpResponse:
        request.token.require("notes:admin")
        return HttpResponse("never")

    @guarded()
    def broken(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("no refusal")

    @guarded("notes:read")
    def stream(request: HttpRequest) -> StreamingHttpResponse:
        pieces = ["one ", "two ", request.token.subject]

        async def one_by_one() -> AsyncIterator[str]:
            for piece in pieces:
                yield piece

        body = one_by_one() if hasattr(request, "scope") else iter(pieces)
        return StreamingHttpResponse(body, content_type="text/plain")

    @guarded("notes:read")
    def names(request: HttpRequest, name: str) -> HttpResponse:
        return HttpResponse(name, content_type="text/plain; charset=utf-8")

    @guarded.open
    def health(request: HttpRequest) -> HttpResponse:
        return HttpResponse("well")

    def made(request: HttpRequest, file: str) -> HttpResponse:
        return HttpResponse("file")

    return [
        path("notes", read),
        path("write", write),
        path("twin", twin),
        path("recent", recent),
        path("inside", inside),
        path("broken", broken),
        path("stream", stream),
        path("names/<name>", names),
        path("health", health),
        re_path(r"^made/(?P<file>[a-z]+)$", made),
        path("rest/", include(rest())),
    ]


def with_tickets() -> list[Any]:
    """Views that give and take tickets."""
    from django.urls import path

    from counterfoil.guard.django import request_of

    guarded = settings.COUNTERFOIL

    @guarded()
    def tickets(request: HttpRequest) -> HttpResponse:
        reply = guarded.gate.ticket(request_of(request), request.token, request.body)
        return HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))

    @guarded()
    def file(request: HttpRequest) -> HttpResponse:
        assert "ticket" not in request.GET
        return JsonResponse({"query": request.META["QUERY_STRING"]})

    return [path("tickets", tickets), path("file", file), path("notes", file)]


def rest() -> list[Any]:
    from django.urls import path
    from rest_framework.decorators import api_view, permission_classes
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from counterfoil.guard.rest_framework import Guarded as RestGuarded
    from counterfoil.guard.rest_framework import TokenAuthentication

    guarded = RestGuarded(settings.COUNTERFOIL)
    guarded.open_paths("/rest/made/")

    class Guardian(APIView):
        authentication_classes = [TokenAuthentication]
        permission_classes = [guarded("notes:read")]

        def get(self, request: Any) -> Response:
            return Response({"subject": request.auth.subject})

    class Write(Guardian):
        permission_classes = [guarded("notes:write")]

        def post(self, request: Any) -> Response:
            return Response({"written": str(request.user)})

    class Recent(Guardian):
        permission_classes = [guarded(MaxAge(60))]

    class Inside(Guardian):
        permission_classes = [guarded()]

        def get(self, request: Any) -> Response:
            request.auth.require("notes:admin")
            return Response("never")

    class Broken(Guardian):
        permission_classes = [guarded()]

        def get(self, request: Any) -> Response:
            raise RuntimeError("no refusal")

    class Stream(Guardian):
        def get(self, request: Any) -> StreamingHttpResponse:
            return StreamingHttpResponse(
                iter(["one ", "two ", request.auth.subject]), content_type="text/plain"
            )

    @api_view(["GET"])
    @permission_classes([guarded("notes:read")])
    def names(request: Any, name: str) -> HttpResponse:
        return HttpResponse(name, content_type="text/plain; charset=utf-8")

    @guarded.open
    class Health(APIView):
        authentication_classes = []

        def get(self, request: Any) -> HttpResponse:
            return HttpResponse("well")

    class Made(APIView):
        authentication_classes = []

        def get(self, request: Any, file: str) -> HttpResponse:
            return HttpResponse("file")

    return [
        path("notes", Guardian.as_view()),
        path("write", Write.as_view()),
        path("twin", Guardian.as_view()),
        path("recent", Recent.as_view()),
        path("inside", Inside.as_view()),
        path("broken", Broken.as_view()),
        path("stream", Stream.as_view()),
        path("names/<name>", names),
        path("health", Health.as_view()),
        path("made/<file>", Made.as_view()),
    ]


def wsgi() -> Any:
    """For Gunicorn."""
    set_up(guard_from_environment())
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def asgi(guard: Guard) -> Any:
    set_up(guard)
    from django.core.asgi import get_asgi_application

    return get_asgi_application()
