"""The guard in a Django project: a decorator for views, the token in ``request.token``.

In the settings stand ``COUNTERFOIL = Guarded(guard)`` and, as the first of ``MIDDLEWARE``,
``"counterfoil.guard.django.GuardMiddleware"``.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from inspect import isawaitable
from typing import Any, Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_resolver
from django.urls.resolvers import LocalePrefixPattern, RoutePattern

from counterfoil.guard import asgi, wsgi
from counterfoil.guard.admission import Kept, admit_once, admit_once_blocking, has_let_pass
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
from counterfoil.guard.demands import Demand, Demands, demands_of
from counterfoil.guard.gate import LOCAL_PROXY, Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.reply import Reply
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected, Token

SETTING: Final = "COUNTERFOIL"
HOW: Final = '@guarded("a scope")  above the view'
_MIDDLEWARE: Final = "counterfoil.guard.django.GuardMiddleware"
_KEPT: Final = "_counterfoil"
_ASKING: Final = ("dispatch", "initial", "get_permissions", "check_permissions")
_LITERAL: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/~")

View = TypeVar("View", bound=Callable[..., Any])


class Guarded(Declaring):
    """Guards the views of a project::

        guarded = settings.COUNTERFOIL

        @guarded("notes:read")
        def notes(request):
            return JsonResponse({"subject": request.token.subject})

    Every route declares what it demands, or that it is open; with one that does not, neither
    ``manage.py check`` passes nor a server starts. A view with a token is exempt from Django's
    CSRF check, for no browser sends the token of itself. The first request starts the guard; it
    stops with the process.

    Args:
        guard: who checks.
        realm: named in the challenge.
        proxies: addresses or networks of reverse proxies whose word is believed.
    """

    open = staticmethod(declare_open)

    def __init__(
        self, guard: Guard, *, realm: str = "", proxies: Sequence[str] = LOCAL_PROXY
    ) -> None:
        super().__init__()
        self.gate = Gate(guard, realm=realm, proxies=proxies)
        wsgi.stop_at_exit(guard)
        _register_check(self)

    def __call__(self, *said: str | Demand) -> Callable[[View], View]:
        """Declare what a view demands: scopes by their names, and values such as ``MaxAge(60)``.

        For a class write it around ``as_view()``, or give it to Django's ``method_decorator``.

        Raises:
            TypeError: where something is neither.
        """
        demands = demands_of(*said)

        def decorate(view: View) -> View:
            around = _guarded_async if iscoroutinefunction(view) else _guarded_sync
            guarded = around(self, view, demands)
            guarded.csrf_exempt = True  # Django reads it there
            return declare(cast(View, guarded), Declared(demands))

        return decorate

    def verify(self) -> None:
        """Demand that every route of the project declares something. The middleware does it too.

        Raises:
            Undeclared: naming those that do not.
        """
        undeclared = [
            Route(template, name_of(_named(view)))
            for template, view in _routes_of(get_resolver().url_patterns, "/")
            if _declared_by(view) is None and not self._open.covers(template)
        ]
        if undeclared:
            raise Undeclared(undeclared, HOW)

    def deny_undeclared(self, request: HttpRequest, view: object) -> HttpResponse | None:
        """Deny a view that declares nothing, also where it was not there at the start.

        Raises:
            Undeclared: naming it.
        """
        if _declared_by(view) is None:
            path, route = request.path_info, Route(request.path_info, name_of(_named(view)))
            try:
                deny_undeclared(route, path, self._open, HOW)
            except Rejected as rejected:
                return self.refuse(rejected, request)
        return None

    def admit_blocking(self, request: HttpRequest, demands: Demands) -> Token:
        """Decide about a request, once; gives the token, which also stands in the request.

        Raises:
            Rejected: with the reason.
        """
        token = admit_once_blocking(self.gate, _kept_of(request), request_of(request), demands)
        return _let_pass(request, token)

    async def admit(self, request: HttpRequest, demands: Demands) -> Token:
        """Decide as :meth:`admit_blocking`, without holding up the event loop."""
        if not hasattr(request, "scope"):
            # Under WSGI the loop lives for one request, and has nothing to wait with for an issuer.
            return await asyncio.to_thread(self.admit_blocking, request, demands)
        token = await admit_once(self.gate, _kept_of(request), request_of(request), demands)
        return _let_pass(request, token)

    def refuse(self, rejected: Rejected, request: HttpRequest) -> HttpResponse:
        """Make an answer of a refusal."""
        return _response(self.gate.refusal(rejected, request_of(request)), request)


class GuardMiddleware:
    """Answers what needs no token, refuses, and denies what is not declared."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._guarded = guarded_in_settings()
        self._guarded.verify()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request."""
        self._hide_ticket(request)
        reply = self._guarded.gate.answer(request_of(request))
        if self._is_async:
            return self._serve(request, reply)
        if reply is not None:
            return _response(reply, request)
        return self._with_headers(request, self._get_response(request))

    def _hide_ticket(self, request: HttpRequest) -> None:
        gate, scope = self._guarded.gate, getattr(request, "scope", None)
        if scope is None:
            wsgi.hide_ticket(gate, request.META)
        else:
            asgi.hide_ticket(gate, scope)
            request.META["QUERY_STRING"] = scope["query_string"].decode("latin-1")

    async def _serve(self, request: HttpRequest, reply: Reply | None) -> HttpResponseBase:
        if reply is not None:
            return _response(reply, request)
        return self._with_headers(request, await self._get_response(request))

    @property
    def process_view(self) -> Callable[..., Any]:
        """As Django asks for it: of the kind of the server, so that no thread is needed."""
        return self._process_view_async if self._is_async else self._process_view

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a refusal that a view has raised."""
        return self._guarded.refuse(error, request) if isinstance(error, Rejected) else None

    def _process_view(self, request: HttpRequest, view: object, *_: object) -> HttpResponse | None:
        return self._guarded.deny_undeclared(request, view)

    async def _process_view_async(
        self, request: HttpRequest, view: object, *_: object
    ) -> HttpResponse | None:
        return self._guarded.deny_undeclared(request, view)

    def _with_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        gate = self._guarded.gate
        if has_let_pass(gate.guard, _kept_of(request)):
            further = gate.further_headers(request_of(request), response.headers.get)
            for name, value in further.items():
                response[name] = value
        return response


def guarded_in_settings() -> Guarded:
    """Give what guards this project.

    Raises:
        ImproperlyConfigured: saying what to write.
    """
    guarded = getattr(settings, SETTING, None)
    if not isinstance(guarded, Guarded):
        raise ImproperlyConfigured(
            f"{SETTING} is not set. Write in the settings: from counterfoil.guard.django import "
            f'Guarded; {SETTING} = Guarded(Guard("https://id.example", audience="https://..."))'
        )
    return guarded


def request_of(request: HttpRequest) -> Request:
    """Read a request, from what the server said of it."""
    scope = getattr(request, "scope", None)
    if scope is not None:
        return asgi.request_of(scope)
    return wsgi.request_of(request.META, request.path.encode())


def _guarded_sync(guarded: Guarded, view: Callable[..., Any], demands: Demands) -> Any:
    around = _guarded_async(guarded, view, demands)

    @wraps(view)
    def serve(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if _is_in_event_loop():  # `dispatch` of a class whose handlers are async
            return around(request, *args, **kwargs)
        try:
            guarded.admit_blocking(request, demands)
            return view(request, *args, **kwargs)
        except Rejected as rejected:
            return guarded.refuse(rejected, request)

    return serve


def _guarded_async(guarded: Guarded, view: Callable[..., Any], demands: Demands) -> Any:
    @wraps(view)
    async def serve(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            await guarded.admit(request, demands)
            response = view(request, *args, **kwargs)
            return await response if isawaitable(response) else response
        except Rejected as rejected:
            return guarded.refuse(rejected, request)

    return serve


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _register_check(guarded: Guarded) -> None:
    def every_route_is_declared(**_: object) -> list[Any]:
        if getattr(settings, SETTING, None) is not guarded:
            return []
        if _MIDDLEWARE not in settings.MIDDLEWARE:
            hint = f'Write it first: MIDDLEWARE = ["{_MIDDLEWARE}", ...]'
            return [checks.Error("the guard's middleware is missing", hint, id="counterfoil.E002")]
        try:
            guarded.verify()
        except Undeclared as undeclared:
            return [checks.Error(str(undeclared), id="counterfoil.E001")]
        return []

    checks.register(every_route_is_declared, "security")


def _routes_of(patterns: Iterable[Any], prefix: str) -> Iterator[tuple[str, object]]:
    for each in patterns:
        template = prefix + _template_of(each.pattern)
        below = getattr(each, "url_patterns", None)
        if below is None:
            yield template, each.callback
        else:
            yield from _routes_of(below, template)


def _template_of(pattern: object) -> str:
    if isinstance(pattern, RoutePattern):
        return str(pattern)
    if isinstance(pattern, LocalePrefixPattern):
        return "<language>/"
    expression = str(pattern).removeprefix("^")
    literal = next((at for at, each in enumerate(expression) if each not in _LITERAL), None)
    return expression if literal is None else f"{expression[:literal]}<{expression[literal:]}>"


def _declared_by(view: object) -> Declared | None:
    """Read also what a view of Django REST framework declares: by its permission classes.

    They count for nothing where the view's class has its own way to where they are asked.
    """
    view_class = getattr(view, "cls", None)
    declared = declared_of(view) or declared_of(view_class)
    if declared is not None or view_class is None:
        return declared
    own = (getattr(view_class, name, None) for name in _ASKING)
    if any(getattr(each, "__module__", "") != "rest_framework.views" for each in own):
        return None
    initial = getattr(view, "initkwargs", {})
    classes = initial.get("permission_classes", getattr(view_class, "permission_classes", ()))
    return next((said for each in classes if (said := declared_of(each)) is not None), None)


def _named(view: object) -> object:
    return getattr(view, "cls", None) or getattr(view, "view_class", None) or view


def _let_pass(request: HttpRequest, token: Token) -> Token:
    request.token = token
    # Django's own caches answer before the guard is asked: they are told to keep nothing of this.
    request._cache_update_cache = False
    return token


def _kept_of(request: HttpRequest) -> Kept:
    kept: Kept = request.__dict__.setdefault(_KEPT, {})
    return kept


def _response(reply: Reply, request: HttpRequest) -> HttpResponse:
    body = b"" if request.method == "HEAD" else reply.body
    response = HttpResponse(body, status=reply.status, headers=dict(reply.headers))
    if "content-type" not in reply.headers:
        del response["content-type"]
    if reply.body:
        response["content-length"] = str(len(reply.body))
    return response
