"""The guard in a Starlette app: a decorator for endpoints, the token in ``request.state.token``."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import wraps
from inspect import iscoroutinefunction
from types import new_class
from typing import Any, Final, TypeVar, cast

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Host, Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from counterfoil.guard.admission import admit_once, admit_once_blocking
from counterfoil.guard.asgi import (
    POLICY_VIOLATION,
    TOKEN,
    GuardMiddleware,
    request_of,
    serve,
)
from counterfoil.guard.declared import (
    Declared,
    Declaring,
    Route,
    Undeclared,
    declare,
    declare_open,
    declared_of,
    name_of,
)
from counterfoil.guard.demands import Demand, Demands, demands_of
from counterfoil.guard.gate import LOCAL_PROXY, Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.lifespan import guarded_lifespan
from counterfoil.guard.ticket_issuing import MOST_BYTES
from counterfoil.guard.token import Rejected, Token

HOW: Final = '@guarded("a scope")  above the endpoint'

View = TypeVar("View", bound=Callable[..., Any])


class Guarded(Declaring):
    """Guards the endpoints of an app::

        guarded = Guarded(None, guard)

        @guarded("notes:read")
        async def notes(request):
            return JSONResponse({"subject": request.state.token.subject})

        app = Starlette(routes=[Route("/notes", notes)])
        guarded.init_app(app)

    Every route declares what it demands, or that it is open; with one that does not, the app does
    not start. Refusals are answered alike wherever `Rejected` is raised. The app's lifespan starts
    and stops the guard; without one the first request starts it.

    Args:
        app: whose endpoints are guarded; ``None`` where :meth:`init_app` will say it.
        guard: who checks.
        realm: named in the challenge.
        proxies: addresses or networks of reverse proxies whose word is believed.
    """

    open = staticmethod(declare_open)

    how: str = HOW

    def __init__(
        self,
        app: Starlette | None,
        guard: Guard,
        *,
        realm: str = "",
        proxies: Sequence[str] = LOCAL_PROXY,
    ) -> None:
        super().__init__()
        self.gate = Gate(guard, realm=realm, proxies=proxies)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Starlette) -> None:
        """Stand in front of an app. Its routes may follow."""
        app.add_exception_handler(Rejected, self.answer)
        app.user_middleware.insert(0, Middleware(_Front, guarded=self, routed=app))

    def __call__(self, *said: str | Demand) -> Any:
        """Declare what an endpoint demands: scopes by their names, values such as ``MaxAge(60)``.

        It stands above a function, a method of an `HTTPEndpoint`, or a class of endpoints.

        Raises:
            TypeError: where something is neither.
        """
        demands = demands_of(*said)

        def decorate(view: View) -> View:
            around = self._around(view, demands)
            return declare(cast(View, around), Declared(demands))

        return decorate

    def verify(self, app: Starlette) -> None:
        """Demand that every route of an app declares something. Its start does it too.

        Raises:
            Undeclared: naming those that do not.
        """
        undeclared = [
            Route(template, name_of(getattr(route, "endpoint", getattr(route, "app", route))))
            for template, route in self.routes_of(_routes_in(app), "")
            if not self.is_declared(route) and not self._open.covers(template)
        ]
        if undeclared:
            raise Undeclared(undeclared, self.how)

    def routes_of(self, routes: Iterable[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        """Give all routes, with the template of the whole path."""
        for route in routes:
            path = prefix + (getattr(route, "path", None) or "")
            kind = getattr(route, "original_route", route)
            if isinstance(kind, Mount | Host):
                below = _routes_in(getattr(kind, "_base_app", kind.app))
                if below and not isinstance(kind.app, GuardMiddleware):
                    yield from self.routes_of(below, path)
                else:
                    yield f"{path}/{{path}}", route
            elif frontends := getattr(kind, "routes", None):
                yield from ((f"{prefix}{each.path}/{{path}}", route) for each in frontends)
            else:
                yield path or "/", route

    def is_declared(self, route: Any) -> bool:
        """Whether a route says what it demands."""
        if isinstance(getattr(route, "app", None), GuardMiddleware):
            return True
        endpoint = getattr(route, "endpoint", None)
        return declared_of(endpoint) is not None or _declares_by_methods(endpoint)

    async def admit(self, scope: Scope, demands: Demands) -> Token:
        """Decide about a connection, once; gives the token, which also stands in its state.

        Raises:
            Rejected: with the reason.
        """
        token = await admit_once(self.gate, scope, request_of(scope), demands)
        _keep(scope, token)
        return token

    async def ticket(self, request: Request) -> Response:
        """Answer a request for a ticket; its endpoint is guarded, and calls this (S73)."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                break
        reply = self.gate.ticket(request_of(request.scope), request.scope[TOKEN], bytes(body))
        return Response(reply.body, reply.status, reply.headers)

    def _around(self, view: Callable[..., Any], demands: Demands) -> Any:
        if isinstance(view, type):
            return self._around_class(view, demands)
        return (self._around_async if iscoroutinefunction(view) else self._around_sync)(
            view, demands
        )

    def _around_async(self, view: Callable[..., Awaitable[Any]], demands: Demands) -> Any:
        @wraps(view)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            connection = _connection_in(args)
            try:
                await self.admit(connection.scope, demands)
                return await view(*args, **kwargs)
            except Rejected as rejected:
                return await self._refuse(connection, rejected)

        return guarded

    def _around_sync(self, view: Callable[..., Any], demands: Demands) -> Any:
        """A thread serves this; it may wait for the issuer."""

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            scope = _connection_in(args).scope
            try:
                _keep(scope, admit_once_blocking(self.gate, scope, request_of(scope), demands))
                return view(*args, **kwargs)
            except Rejected as rejected:
                return self._response(rejected, scope)

        return guarded

    def _around_class(self, endpoint: type[Any], demands: Demands) -> Any:
        admit = self.admit

        async def dispatch(self: Any) -> None:
            await admit(self.scope, demands)
            await endpoint.dispatch(self)

        members = {"dispatch": dispatch, "__module__": endpoint.__module__}
        return new_class(
            endpoint.__name__, (endpoint,), exec_body=lambda body: body.update(members)
        )

    async def _refuse(self, connection: HTTPConnection, rejected: Rejected) -> Response | None:
        response = self._response(rejected, connection.scope)
        if not isinstance(connection, WebSocket):
            return response
        is_open = connection.application_state is not WebSocketState.CONNECTING
        if not is_open and "websocket.http.response" in connection.scope.get("extensions", {}):
            await connection.send_denial_response(response)
        else:
            await connection.close(POLICY_VIOLATION, str(rejected.reason))
        return None

    async def answer(self, connection: HTTPConnection, error: Exception) -> Response:
        """Answer a refusal, as Starlette's handlers of exceptions do."""
        if not isinstance(error, Rejected) or not isinstance(connection, Request):
            raise error
        return self._response(error, connection.scope)

    def _response(self, rejected: Rejected, scope: Scope) -> Response:
        refusal = self.gate.refusal(rejected, request_of(scope))
        return Response(refusal.body, refusal.status, refusal.headers)


class _Front:
    """What every connection of an app passes first."""

    def __init__(self, app: ASGIApp, guarded: Guarded, routed: Starlette) -> None:
        self._app = app
        self._guarded = guarded
        self._routed = routed
        self._verified: list[tuple[list[Any], list[Any]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                self._verify()
            except Undeclared as undeclared:
                await receive()
                await send({"type": "lifespan.startup.failed", "message": str(undeclared)})
                raise  # as Starlette does: its TestClient would go on, and wait for ever at its end
            await guarded_lifespan(self._app, self._guarded.gate, scope, receive, send)
        else:
            self._verify()
            await serve(self._guarded.gate, self._app, scope, receive, send)

    def _verify(self) -> None:
        """Demand it again when routes have come or gone since."""
        verified = self._verified
        if verified is None or any(now != then for now, then in verified):
            self._guarded.verify(self._routed)
            for app in _apps_below(self._routed.routes):
                if app.middleware_stack is None:
                    app.exception_handlers.setdefault(Rejected, self._guarded.answer)
            self._verified = [(each, [*each]) for each in _lists_of(self._routed.router)]


def _declares_by_methods(endpoint: object) -> bool:
    """Whether every method of a class declares: any may be a handler, such as ``query``."""
    if not isinstance(endpoint, type) or not issubclass(endpoint, HTTPEndpoint):
        return False
    if endpoint.dispatch is not HTTPEndpoint.dispatch:
        return False
    names = [name for name in dir(endpoint) if name[0] != "_" and not hasattr(HTTPEndpoint, name)]
    methods = [each for name in names if callable(each := getattr(endpoint, name))]
    return bool(methods) and all(declared_of(method) is not None for method in methods)


def _routes_in(app: Any) -> list[Any]:
    # FastAPI keeps its frontends apart.
    low_priority = getattr(getattr(app, "router", app), "_iter_low_priority_routes", tuple)
    return [*getattr(app, "routes", ()), *low_priority()]


def _lists_of(router: Any) -> Iterator[list[Any]]:
    """Every list to which somebody may add a route."""
    for name in ("routes", "_low_priority_routes"):
        routes = getattr(router, name, None)
        if isinstance(routes, list):
            yield routes
            for each in routes:
                mounted = getattr(getattr(each, "_base_app", None), "router", each)
                yield from _lists_of(getattr(each, "original_router", mounted))


def _apps_below(routes: Iterable[Any]) -> Iterator[Starlette]:
    """Every app that is mounted, so that it answers refusals as this one does."""
    for route in routes:
        kind = getattr(route, "original_route", route)
        if isinstance(kind, Mount | Host):
            below = getattr(kind, "_base_app", kind.app)
            if isinstance(below, Starlette):
                yield below
            yield from _apps_below(getattr(below, "routes", ()))


def _connection_in(args: Iterable[object]) -> HTTPConnection:
    connection = next((each for each in args if isinstance(each, HTTPConnection)), None)
    if connection is None:
        raise TypeError("a guarded endpoint takes the request, or the WebSocket, as an argument")
    return connection


def _keep(scope: Scope, token: Token) -> None:
    scope[TOKEN] = token
    scope.setdefault("state", {})["token"] = token
