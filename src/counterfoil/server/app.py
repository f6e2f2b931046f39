"""The map of the server: the tables of routes, and the ASGI app that follows them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.metadata import OAUTH_PATH, OPENID_PATH
from counterfoil.server.endpoints.api.routes import API_ROUTES
from counterfoil.server.endpoints.routes import ENDPOINT_ROUTES
from counterfoil.server.pages.account_routes import ACCOUNT_ROUTES
from counterfoil.server.pages.admin.routes import ADMIN_ROUTES
from counterfoil.server.pages.factor_routes import FACTOR_ROUTES
from counterfoil.server.pages.routes import PAGE_ROUTES
from counterfoil.server.pages.views import ErrorPage
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.records.sentence import say
from counterfoil.server.settings import SettingsError
from counterfoil.server.web.admission import Use
from counterfoil.server.web.answers import (
    ANSWER,
    JsonResponse,
    error_answer,
    name_request,
    say_when,
)
from counterfoil.server.web.browser import Going, keep_session, show, write_page
from counterfoil.server.web.headers import HSTS, invite_back, open_to_scripts, preflight
from counterfoil.server.web.reading import address_of, path_below
from counterfoil.server.web.refusal import error_of, log_refusal
from counterfoil.server.web.server import Caller, Route, Server

_LOG: Final = logging.getLogger(__name__)

ROUTES: Final = (
    *ENDPOINT_ROUTES,
    *PAGE_ROUTES,
    *FACTOR_ROUTES,
    *ACCOUNT_ROUTES,
    *API_ROUTES,
    *ADMIN_ROUTES,
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Any], Awaitable[None]]
Lifespan = Callable[[], AbstractAsyncContextManager[Server]]


class _Place(Struct, frozen=True):
    """The routes of one path by their methods, and whether scripts of other sites call it."""

    routes: dict[str, Route]
    scripts: bool


class _Pattern(Struct, frozen=True):
    """A place whose path has names in it: in braces, each in place of a whole part."""

    parts: tuple[str, ...]
    place: _Place

    def names_in(self, parts: list[str]) -> dict[str, str] | None:
        """Give what stands where the names are; ``None`` if it is another path."""
        names = {}
        for wanted, part in zip(self.parts, parts, strict=True):
            if wanted.startswith("{") and part:
                names[wanted[1:-1]] = part
            elif wanted != part:
                return None
        return names


_WHOLE: Final = frozenset({JsonResponse, Going, Response})
"""Kinds of answers whose body is there."""
_BRIEF: Final = frozenset({"/token", "/introspect"})
_PERCENT: Final = ord("%")
_NOWHERE: Final = _Place({}, scripts=False)


class App:
    """The server as an ASGI app. It may be mounted in another, below any path.

    ``lifespan`` builds the server and lets go of it; hosts that do not send lifespan events
    enter ``running()`` themselves.
    """

    def __init__(self, lifespan: Lifespan) -> None:
        self._lifespan = lifespan
        self._server: Server | None = None
        self._ending = False
        self._prefix = ""
        self._exact, self._patterns = _table(ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        match scope["type"]:
            case "http":
                await self._answer(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        """Serve for as long as the context is entered."""
        async with self._lifespan() as server:
            self._server, self._prefix = server, server.prefix
            self._ending = False
            try:
                yield server
            finally:
                self._server = None

    @property
    def superseded(self) -> str:
        """Why this version may serve no more, and must end; empty while it may."""
        return self._server.presence.superseded if self._server is not None else ""

    def is_brief(self, path: str) -> bool:
        """Whether requests for this path wait for nothing, as a rule, but the database."""
        return path_below(path, self._prefix) in _BRIEF

    def end_streams(self) -> None:
        """End every event stream, for it would go on for ever: the server is about to stop.

        A request that is cancelled from now on is answered with 503: it took too long.
        """
        self._ending = True
        if self._server is not None:
            self._server.authority.hub.end()

    def end_waiting(self) -> None:
        """Answer whoever waits for a password to be checked with 503: there is no time left."""
        if self._server is not None:
            self._server.passwords.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            if isinstance(error, SettingsError):
                _LOG.error("the server could not start: %s", error)
            else:
                _LOG.exception("the server could not start or stop")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = self._server
        if server is None:
            raise RuntimeError("The app is not running: its lifespan was not entered.")
        place, names = self._find(_path_of(scope, self._prefix))
        request = Request({**scope, "path_params": names} if names else scope, receive)
        try:
            response = await _respond(server, request, place)
        except asyncio.CancelledError:
            if not self._ending:
                raise
            response = _interrupted(server, request, place)
        if response.status_code == 503:
            invite_back(response)
        if not server.authority.settings.development:
            response.raw_headers.append(HSTS)
        if not _was_sent(response, scope):
            await response(scope, receive, send)

    def _find(self, path: str) -> tuple[_Place, dict[str, str]]:
        exact = self._exact.get(path)
        if exact is not None:
            return exact, {}
        parts = path.split("/")
        for pattern in self._patterns.get(len(parts), ()):
            names = pattern.names_in(parts)
            if names is not None:
                return pattern.place, names
        return _NOWHERE, {}


def _was_sent(response: Response, scope: Scope) -> bool:
    """Send an answer at once, where it is whole and the server below takes it so."""
    taker = (scope.get("extensions") or {}).get(ANSWER)
    if taker is None or type(response) not in _WHOLE or response.background is not None:
        return False
    sent: bool = taker["answer"](response.status_code, response.raw_headers, response.body)
    return sent


def _table(routes: tuple[Route, ...]) -> tuple[dict[str, _Place], dict[int, list[_Pattern]]]:
    """Give the places whose paths are fixed, and the others by how many parts they have."""
    paths: dict[str, dict[str, Route]] = {}
    for route in routes:
        paths.setdefault(route.path, {}).update(dict.fromkeys(route.methods, route))
    places = {path: _place(methods) for path, methods in paths.items()}
    patterns: dict[int, list[_Pattern]] = {}
    for path, place in places.items():
        if "{" in path:
            parts = tuple(path.split("/"))
            patterns.setdefault(len(parts), []).append(_Pattern(parts, place))
    return {path: place for path, place in places.items() if "{" not in path}, patterns


def _place(routes: dict[str, Route]) -> _Place:
    scripts = any(route.caller is Caller.SCRIPT for route in routes.values())
    return _Place(routes, scripts=scripts)


def _path_of(scope: Scope, prefix: str) -> str:
    """Give the path below the server: without the mount's root path or the issuer's own path."""
    raw: bytes = scope.get("raw_path") or b""
    if _PERCENT in raw and b"%2f" in raw.lower():
        # An id with a slash in it must not be read as another operation on another id.
        return ""
    path: str = scope["path"]
    if prefix:
        for well_known in (OAUTH_PATH, OPENID_PATH):
            if path == well_known + prefix:
                return well_known
    return path_below(path, scope.get("root_path", "") or prefix)


async def _respond(server: Server, request: Request, place: _Place) -> Response:
    route = place.routes.get(request.method) if place.routes else _NOTHING_HERE
    if route is None:
        response = _without_route(server, request, place)
    else:
        response = await _handled(server, request, route)
    if place.scripts and request.method != "OPTIONS":
        open_to_scripts(response)
    return response


def _interrupted(server: Server, request: Request, place: _Place) -> Response:
    """Say that the server ends; what had been committed by then stands."""
    route = place.routes.get(request.method, _NOTHING_HERE)
    sentence = say("The server is about to end; try again in a moment.")
    response = _refused(server, request, route, OAuthError("temporarily_unavailable", sentence))
    if route.caller is Caller.SCRIPT:
        open_to_scripts(response)
    return response


def _without_route(server: Server, request: Request, place: _Place) -> Response:
    routes, scripts = place.routes, place.scripts
    if request.method == "OPTIONS" and scripts:
        return preflight(tuple(routes))
    allowed = ", ".join(sorted({*routes, "OPTIONS"} if scripts else routes))
    return Response(status_code=405, headers={"allow": allowed})


async def _say_nothing_is_here(server: Server, request: Request) -> Response:
    reference, title = named(server.random(6)), say("There is nothing here")
    sentence = say("The address may be mistyped, or the page has gone.")
    if "text/html" not in request.headers.get("accept", "").lower():
        document = {"error": "not_found", "error_description": str(sentence)}
        return JsonResponse({**document, "request_id": reference}, 404)
    page = ErrorPage(
        prefix=server.prefix,
        title=title,
        sentence=sentence,
        code="not_found",
        request_id=reference,
    )
    return show(server, page, status=404)


_NOTHING_HERE: Final = Route("-", (), _say_nothing_is_here, Caller.MACHINE, Use.PAGE)
"""It costs a page, so it is counted like one; but no cookie of a session is looked at."""


async def _handled(server: Server, request: Request, route: Route) -> Response:
    try:
        address = address_of(request, server.authority.settings.trusted_proxies)
        server.admission.enter(route.use, address, server.clock())
        try:
            _demand_version(server)
            response = await route.handler(server, request)
            write_page(server, request, response)
        finally:
            server.admission.leave(route.use)
        if route.caller is Caller.PERSON:
            keep_session(server, request, response)
    except Exception as error:
        return _refused(server, request, route, error_of(f"{request.method} {route.path}", error))
    return response


def _demand_version(server: Server) -> None:
    """Raise where the database demands a newer version: statements may fail from now on."""
    if server.presence.superseded:
        sentence = say("A newer version of this server takes over.")
        raise OAuthError("temporarily_unavailable", sentence)


def _refused(server: Server, request: Request, route: Route, error: OAuthError) -> Response:
    reference = log_refusal(server, route.path, error)
    if route.caller is not Caller.PERSON:
        return error_answer(error, reference)
    page = ErrorPage(
        prefix=server.prefix,
        title=say("This cannot go on"),
        sentence=say(error.sentence),
        code=error.error,
        request_id=reference,
    )
    response = show(server, page, status=error.status)
    write_page(server, request, response)
    name_request(response, reference)
    say_when(response, error)
    return response
