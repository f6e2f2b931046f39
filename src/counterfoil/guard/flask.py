"""The guard in a Flask app: a decorator for views, the token in ``flask.g.token``."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar, cast
from wsgiref.types import StartResponse, WSGIEnvironment

import flask

from counterfoil.guard import wsgi
from counterfoil.guard.admission import admit_once_blocking
from counterfoil.guard.declared import (
    Declared,
    Declaring,
    Route,
    Undeclared,
    declare,
    declare_open,
    declared_of,
    deny_undeclared,
    name_of,
)
from counterfoil.guard.demands import Demand, demands_of
from counterfoil.guard.gate import LOCAL_PROXY, Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.token import Rejected

HOW: Final = '@guarded("a scope")  above the function, below @app.route'

View = TypeVar("View", bound=Callable[..., Any])


class Guarded(Declaring):
    """Guards the views of an app::

        guarded = Guarded(app, guard)

        @app.get("/notes")
        @guarded("notes:read")
        def notes():
            return {"subject": g.token.subject}

    Every route declares what it demands, or that it is open; with one that does not, no request is
    served. Refusals are answered alike wherever `Rejected` is raised in a view. The first request
    starts the guard; it stops with the process.

    Args:
        app: whose views are guarded; ``None`` where :meth:`init_app` will say it.
        guard: who checks.
        realm: named in the challenge.
        proxies: addresses or networks of reverse proxies whose word is believed.
    """

    open = staticmethod(declare_open)

    def __init__(
        self,
        app: flask.Flask | None,
        guard: Guard,
        *,
        realm: str = "",
        proxies: Sequence[str] = LOCAL_PROXY,
    ) -> None:
        super().__init__()
        self.gate = Gate(guard, realm=realm, proxies=proxies)
        wsgi.stop_at_exit(guard)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Stand in front of an app. Its routes may follow."""
        app.before_request(self._deny_undeclared)
        app.register_error_handler(Rejected, self._answer)
        app.wsgi_app = _Front(self, self.gate, app)  # type: ignore[method-assign]  # as Flask says

    def __call__(self, *said: str | Demand) -> Callable[[View], View]:
        """Declare what a view demands: scopes by their names, and values such as ``MaxAge(60)``.

        Raises:
            TypeError: where something is neither.
        """
        demands = demands_of(*said)

        def decorate(view: View) -> View:
            is_async = iscoroutinefunction(view)

            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                # An event loop that lives for one request has nothing to wait with for the issuer.
                called = flask.current_app.ensure_sync(view) if is_async else view
                try:
                    environ = flask.request.environ
                    request = wsgi.request_of(environ)
                    flask.g.token = admit_once_blocking(self.gate, environ, request, demands)
                    return called(*args, **kwargs)
                except Rejected as rejected:
                    return self._answer(rejected)

            return declare(cast(View, guarded), Declared(demands))

        return decorate

    def verify(self, app: flask.Flask) -> None:
        """Demand that every route of an app declares something. The first request does it too.

        Raises:
            Undeclared: naming those that do not.
        """
        undeclared = [
            Route(rule.rule, name_of(app.view_functions.get(rule.endpoint)))
            for rule in app.url_map.iter_rules()
            if declared_of(app.view_functions.get(rule.endpoint)) is None
            and not self._open.covers(rule.rule)
        ]
        if undeclared:
            raise Undeclared(undeclared, HOW)

    def _deny_undeclared(self) -> None:
        """Deny also what was added after the first request."""
        rule = flask.request.url_rule
        if rule is None:
            return  # there is no such route
        view = flask.current_app.view_functions.get(rule.endpoint)
        if declared_of(view) is None:
            deny_undeclared(Route(rule.rule, name_of(view)), flask.request.path, self._open, HOW)

    def _answer(self, rejected: Rejected) -> flask.Response:
        refusal = self.gate.refusal(rejected, wsgi.request_of(flask.request.environ))
        return flask.Response(refusal.body, refusal.status, dict(refusal.headers))


class _Front:
    """What every request of an app passes first."""

    def __init__(self, guarded: Guarded, gate: Gate, app: flask.Flask) -> None:
        self._guarded = guarded
        self._gate = gate
        self._app = app
        self._inner = app.wsgi_app
        self._is_verified = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._is_verified:
            self._guarded.verify(self._app)
            self._is_verified = True
        wsgi.hide_ticket(self._gate, environ)
        request = wsgi.request_of(environ)
        reply = self._gate.answer(request)
        if reply is not None:
            return wsgi.respond(reply, request, start_response)
        return self._inner(environ, wsgi.with_headers(self._gate, request, environ, start_response))
