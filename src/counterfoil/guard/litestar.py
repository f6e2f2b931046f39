"""The guard in a Litestar app: guards for handlers, the token in ``request.auth``."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection, Request
from litestar.handlers import ASGIRouteHandler, BaseRouteHandler, HTTPRouteHandler
from litestar.plugins import InitPlugin
from litestar.response import Response
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from counterfoil.guard.admission import admit_once
from counterfoil.guard.asgi import TOKEN, Answer, path_within, request_of, serve
from counterfoil.guard.declared import (
    OPEN,
    Declared,
    Declaring,
    Route,
    Undeclared,
    declare,
    declared_of,
    deny_undeclared,
    name_of,
)
from counterfoil.guard.demands import Demand, demands_of
from counterfoil.guard.gate import LOCAL_PROXY, Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.token import Rejected

HOW: Final = 'guards=[guarded("a scope")]  in the handler, its controller or its router'
_REFUSED: Final = "counterfoil.refused"
_Connection = ASGIConnection[Any, Any, Any, Any]


class Guarded(Declaring, InitPlugin):
    """Guards the handlers of an app::

        guarded = Guarded(guard)

        @get("/notes", guards=[guarded("notes:read")])
        async def notes(request: Request) -> dict[str, str]:
            return {"subject": request.auth.subject}

        app = Litestar([notes], plugins=[guarded])

    Every handler declares what it demands, or that it is open (``guards=[guarded.open]``); with
    one that does not, the app does not start. Refusals are answered alike wherever `Rejected` is
    raised. The app starts and stops the guard.

    Args:
        guard: who checks.
        realm: named in the challenge.
        proxies: addresses or networks of reverse proxies whose word is believed.
    """

    def __init__(
        self, guard: Guard, *, realm: str = "", proxies: Sequence[str] = LOCAL_PROXY
    ) -> None:
        super().__init__()
        self.gate = Gate(guard, realm=realm, proxies=proxies)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Stand in front of an app; Litestar calls this for its plugins."""
        app_config.guards.insert(0, self._deny_undeclared)
        app_config.exception_handlers = {**app_config.exception_handlers, Rejected: self._answer}
        app_config.after_exception.append(self._note)
        app_config.on_startup.insert(0, self._start)
        app_config.on_shutdown.append(self.gate.guard.aclose)
        return app_config

    def __call__(
        self, *said: str | Demand
    ) -> Callable[[_Connection, BaseRouteHandler], Awaitable[None]]:
        """Make a guard that demands scopes by their names, and values such as ``MaxAge(60)``.

        Raises:
            TypeError: where something is neither.
        """
        demands = demands_of(*said)

        async def guard(connection: _Connection, _: BaseRouteHandler) -> None:
            scope: Any = connection.scope
            token = await admit_once(self.gate, scope, request_of(scope), demands)
            scope[TOKEN] = scope["auth"] = token
            scope.setdefault("state", {})["token"] = token

        return declare(guard, Declared(demands))

    @property
    def open(self) -> Callable[[_Connection, BaseRouteHandler], Awaitable[None]]:
        """Give a guard that lets everybody pass, and declares that no token is needed."""

        async def let_pass(_: _Connection, __: BaseRouteHandler) -> None:
            return None

        return declare(let_pass, OPEN)

    def verify(self, app: Litestar) -> None:
        """Demand that every route of an app declares something. Its start does it too.

        Raises:
            Undeclared: naming those that do not.
            ValueError: where what a guarded handler has answered to one would be given to all.
        """
        undeclared = []
        for template, handler in _routes_of(app):
            if _is_declared(handler):
                _demand_uncached(handler, app)
            elif not self._open.covers(template):
                undeclared.append(Route(template, name_of(handler.fn)))
        if undeclared:
            raise Undeclared(undeclared, HOW)

    async def _deny_undeclared(self, connection: _Connection, handler: BaseRouteHandler) -> None:
        """Deny also what was added after the start."""
        if not _is_declared(handler):
            path = path_within(connection.scope)  # type: ignore[arg-type]  # it is a mapping
            deny_undeclared(Route(path, name_of(handler.fn)), path, self._open, HOW)

    async def _start(self, app: Litestar) -> None:
        self.verify(app)
        if not isinstance(app.asgi_handler, _Front):
            app.asgi_handler = _Front(self.gate, app.asgi_handler)
        await self.gate.start()

    async def _note(self, error: Exception, scope: Any) -> None:
        """Remember why a WebSocket is refused: Litestar would answer as if it had broken."""
        if isinstance(error, Rejected) and scope["type"] == "websocket":
            scope[_REFUSED] = error

    def _answer(self, request: Request[Any, Any, Any], rejected: Rejected) -> Response[bytes]:
        scope: Any = request.scope  # Litestar types it as its own; it is the mapping that ASGI has
        refusal = self.gate.refusal(rejected, request_of(scope))
        headers = dict(refusal.headers)
        media_type = headers.pop("content-type")
        return Response(
            refusal.body, status_code=refusal.status, headers=headers, media_type=media_type
        )


class _Front:
    """What every connection of an app passes first."""

    def __init__(self, gate: Gate, app: ASGIApp) -> None:
        self._gate = gate
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await serve(self._gate, self._serve, scope, receive, send)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        answer = Answer(scope, send)

        async def sending(message: Any) -> None:
            refused = scope.get(_REFUSED)
            if refused is not None and message["type"] == "websocket.close":
                await answer.refuse(self._gate.refusal(refused, request_of(scope)))
            else:
                await answer.send(message)

        await self._app(scope, receive, sending)
        await answer.release()


def _routes_of(app: Litestar) -> Iterator[tuple[str, BaseRouteHandler]]:
    for route in app.routes:
        handlers: Sequence[BaseRouteHandler]
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else (route.route_handler,)
        for handler in handlers:
            is_mount = isinstance(handler, ASGIRouteHandler) and handler.is_mount
            yield f"{route.path.rstrip('/')}/{{path}}" if is_mount else route.path, handler


def _is_declared(handler: BaseRouteHandler) -> bool:
    # Litestar itself answers OPTIONS with the methods of a path, and nothing else.
    if getattr(handler.fn, "__module__", "") == HTTPRoute.__module__:
        return True
    return any(declared_of(guard) is not None for guard in handler.resolve_guards())


def _demand_uncached(handler: BaseRouteHandler, app: Litestar) -> None:
    """Litestar keeps answers by path and query alone: one user would get another's (S99)."""
    if not isinstance(handler, HTTPRouteHandler) or not handler.cache:
        return
    is_open = all(declared_of(each) in (None, OPEN) for each in handler.resolve_guards())
    own_key = handler.cache_key_builder or app.response_cache_config.key_builder
    if not is_open and getattr(own_key, "__module__", "").startswith("litestar."):
        raise ValueError(
            f"{name_of(handler.fn)} is guarded, and cached for all alike: write cache=False, or a "
            "cache_key_builder that distinguishes by request.auth.subject"
        )
