"""Caches within Django: what one person was answered is kept for no other, nor for nobody (S99)."""

from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.guard import Guard, Sessions, SignedIn, Web
from counterfoil.oauth.revocations import Ended
from tests.frameworks.apps import django_project
from tests.guard.desk import Desk

pytestmark = pytest.mark.one_engine("no server of ours is there")
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
PATHS = ["/plain", "/later", "/above", "/public", "/rest"]
PEOPLE = {name: SignedIn(subject=name, scopes=("notes:read",)) for name in ("ada", "eve")}


@pytest.fixture
def guard(desk: Desk) -> Guard:
    return desk.gate(web=Web(sessions=Sessions(cookie="sid", look_up=PEOPLE.get))).guard


@pytest.fixture
def project(guard: Guard) -> Iterator[Any]:
    django_project.set_up(guard)
    from django.core.cache import cache
    from django.http import HttpResponse, JsonResponse
    from django.urls import path
    from django.views.decorators.cache import cache_control, cache_page
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from counterfoil.guard.rest_framework import Guarded

    guarded = django_project.settings.COUNTERFOIL

    def notes(request: Any) -> Any:
        return JsonResponse({"subject": request.token.subject})

    async def later(request: Any) -> Any:
        return JsonResponse({"subject": request.token.subject})

    class Rest(APIView):
        permission_classes = (Guarded(guarded)("notes:read"),)

        def get(self, request: Any) -> Any:
            return Response({"subject": request.auth.subject})

    @guarded.open
    def health(request: Any) -> Any:
        return HttpResponse("well")

    django_project.route(
        path("plain", guarded()(notes)),
        path("later", guarded()(later)),
        path("above", cache_page(60)(guarded()(notes))),
        path("public", guarded()(cache_control(public=True, max_age=60)(notes))),
        path("rest", Rest.as_view()),
        path("health", health),
    )
    cache.clear()
    yield django_project.settings
    cache.clear()


@pytest.fixture(params=["whole site", "single views"])
def middleware(project: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """Django's middlewares for whole sites stand behind the guard's, but before the views."""
    from django.test import override_settings

    own = project.MIDDLEWARE
    chosen = [own[0], UPDATE, *own[1:], FETCH] if request.param == "whole site" else own
    with override_settings(MIDDLEWARE=chosen):
        yield


def get(path: str, token: str = "", session: str = "") -> Any:
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1")
    if session:
        client.cookies["sid"] = session
    return client.get(path, headers={"authorization": f"Bearer {token}"} if token else {})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.usefixtures("middleware")
def test_what_a_token_has_opened_is_given_to_nobody_else(desk: Desk, path: str):
    """S99."""
    assert get(path, desk.token(sub="ada", jti="t1")).json() == {"subject": "ada"}
    assert get(path, desk.token(sub="eve", jti="t2")).json() == {"subject": "eve"}
    assert get(path).status_code == 401


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.usefixtures("middleware")
def test_what_a_session_has_opened_is_given_to_nobody_else(path: str):
    assert get(path, session="ada").json() == {"subject": "ada"}
    assert get(path, session="eve").json() == {"subject": "eve"}
    assert get(path).status_code == 401


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.usefixtures("middleware")
def test_a_token_that_has_ended_opens_nothing_that_was_kept(desk: Desk, path: str):
    """S99."""
    token = desk.token()
    assert get(path, token).status_code == 200
    desk.end(Ended.TOKEN, "t1")
    assert get(path, token).json()["error_reason"] == "revoked"


@pytest.mark.parametrize("middleware", ["whole site"], indirect=True)
@pytest.mark.usefixtures("middleware")
def test_what_is_open_may_still_be_kept():
    assert "max-age" in get("/health").headers["cache-control"]
