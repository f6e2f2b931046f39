"""The guard in front of any WSGI app (PEP 3333, RFC 6750, RFC 9449)."""

import atexit
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from counterfoil.guard.admission import admit_once_blocking, begin_answer, has_let_pass
from counterfoil.guard.declared import OpenPaths
from counterfoil.guard.demands import NOTHING
from counterfoil.guard.gate import LOCAL_PROXY, Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.reply import Reply
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected
from counterfoil.oauth.ticket import tickets_in, without_ticket

TOKEN: Final = "counterfoil.token"
"""Where the `Token` stands in the environ."""
_IN_PATHS: Final = "/-._~!$&'()*+,;=:@"
_RAW: Final = ("RAW_URI", "REQUEST_URI")
"""Where servers keep the path as it was sent: Gunicorn; uWSGI, mod_wsgi and Werkzeug."""
_QUERY: Final = "counterfoil.query"
"""Where the query stands as it came, when there was a ticket in it."""
_SEVERAL: Final = frozenset({b"dpop", b"x-forwarded-proto", b"x-forwarded-host"})
"""Headers that hold one value each; a comma shows that a server has joined several."""


class GuardMiddleware:
    """Lets a request through with its `Token`, or answers with the reason why not.

    Args:
        app: what is guarded.
        guard: who checks. The first request starts it; it stops with the process.
        realm: named in the challenge.
        open_paths: whole paths that need no token; one that ends in ``/`` opens all below it, but
            ``/`` opens the root page alone. They begin where the app is mounted.
        proxies: addresses or networks of reverse proxies whose word is believed, on https and on
            where a request comes from.
    """

    def __init__(
        self,
        app: WSGIApplication,
        guard: Guard,
        *,
        realm: str = "",
        open_paths: Sequence[str] = (),
        proxies: Sequence[str] = LOCAL_PROXY,
    ) -> None:
        self._app = app
        self._gate = Gate(guard, realm=realm, proxies=proxies)
        self._open = OpenPaths().with_further(open_paths)
        stop_at_exit(guard)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        gate = self._gate
        hide_ticket(gate, environ)
        request = request_of(environ)
        reply = gate.answer(request)
        if reply is not None:
            return respond(reply, request, start_response)
        if self._open.has(environ.get("PATH_INFO", "")):
            return self._app(environ, start_response)
        try:
            environ[TOKEN] = admit_once_blocking(gate, environ, request, NOTHING)
            answer = _Answer(gate, request, with_headers(gate, request, environ, start_response))
            return answer.passed(self._app(environ, answer.start))
        except Rejected as rejected:
            return respond(gate.refusal(rejected, request), request, start_response)


class _Answer:
    """What an app answers, so long as it can still be turned into a refusal.

    PEP 3333 lets a second ``start_response`` replace the first, but not every server does it.
    """

    def __init__(self, gate: Gate, request: Request, start_response: StartResponse) -> None:
        self._gate = gate
        self._request = request
        self._start_response = start_response
        self._said: tuple[Any, ...] | None = None
        self._write: Callable[[bytes], object] | None = None

    def start(self, *said: Any) -> Callable[[bytes], object]:
        """Note how the app begins; after its first piece the server hears of it at once."""
        self._said = said
        return self._begin() if self._write is not None else self._write_first

    def passed(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Give the body: as it is, where the app can refuse no more."""
        if self._said is None or isinstance(body, Generator):
            return self._pieces(body)
        if self._write is None:
            self._begin()
        return body

    def _pieces(self, body: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for piece in body:
                if self._write is None:
                    self._begin()
                yield piece
            if self._write is None:
                self._begin()
        except Rejected as rejected:
            if self._write is not None:
                raise  # it can only be broken off
            refusal = self._gate.refusal(rejected, self._request)
            yield from respond(refusal, self._request, self._start_response)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _write_first(self, piece: bytes) -> object:
        return self._begin()(piece)

    def _begin(self) -> Callable[[bytes], object]:
        if self._said is None:
            raise AssertionError("the app gave a body before it called start_response")
        self._write = write = self._start_response(*self._said)
        return write


def stop_at_exit(guard: Guard) -> None:
    """Have a guard stopped when the process ends. Forked workers end for themselves."""
    reference = weakref.ref(guard)

    def stop() -> None:
        alive = reference()
        if alive is not None:
            alive.stop()

    atexit.register(stop)


def hide_ticket(gate: Gate, environ: WSGIEnvironment) -> None:
    """Keep a ticket from the app, and from the log of a server that reads the environ.

    `request_of` finds it all the same.
    """
    query = _bytes_of(environ.get("QUERY_STRING", ""))
    if gate.guard.tickets is None or not tickets_in(query):
        return
    environ[_QUERY] = query
    environ["QUERY_STRING"] = without_ticket(query).decode("latin-1")
    for key in _RAW:
        path, mark, sent = environ.get(key, "").partition("?")
        if mark:
            hidden = without_ticket(_bytes_of(sent)).decode("latin-1")
            environ[key] = f"{path}?{hidden}" if hidden else path


def request_of(environ: WSGIEnvironment, path: bytes | None = None) -> Request:
    """Read a request from its environ.

    ``path`` is where it goes, decoded, where the framework has changed what the server said of it.
    """
    if path is None:
        said = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        path = _bytes_of(said)
    return Request(
        environ["REQUEST_METHOD"],
        environ["wsgi.url_scheme"],
        environ.get("REMOTE_ADDR") or "",
        _path_as_sent(environ, path),
        environ.get(_QUERY) or _bytes_of(environ.get("QUERY_STRING", "")),
        [pair for key, value in environ.items() for pair in _header(key, value)],
    )


def respond(reply: Reply, request: Request, start_response: StartResponse) -> list[bytes]:
    """Give what the guard itself answers."""
    status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
    headers = [*reply.headers.items()]
    if reply.body:
        headers.append(("content-length", str(len(reply.body))))
    start_response(status, headers)
    return [] if request.method == "HEAD" else [reply.body]


def with_headers(
    gate: Gate, request: Request, environ: WSGIEnvironment, start_response: StartResponse
) -> StartResponse:
    """Let what the app answers to a request that was let pass carry what it must."""

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        def said(name: str) -> str | None:
            return ", ".join(value for each, value in headers if each.lower() == name) or None

        begin_answer(environ)
        if has_let_pass(gate.guard, environ):
            further = gate.further_headers(request, said)
            kept = [pair for pair in headers if pair[0].lower() not in further]
            headers = [*kept, *further.items()]
        return start_response(status, headers, *exc_info)

    return start


def _bytes_of(text: str) -> bytes:
    """Give what an environ holds as it came (PEP 3333)."""
    return text.encode("latin-1", "replace")


def _header(key: str, value: object) -> list[tuple[bytes, bytes]]:
    """Give a header its name again. Whether ``_`` was ``-`` no environ can tell."""
    if not key.startswith("HTTP_") or not isinstance(value, str):
        return []
    name = key[5:].replace("_", "-").lower().encode("latin-1", "replace")
    values = value.split(",") if name in _SEVERAL else [value]
    return [(name, each.strip(" \t").encode("latin-1", "replace")) for each in values]


def _path_as_sent(environ: WSGIEnvironment, path: bytes) -> str:
    """Give the path as the client has written it, so long as it is the one that is served."""
    for key in _RAW:
        raw = environ.get(key)
        if isinstance(raw, str) and raw.isascii():
            sent = _path_in(raw)
            if unquote_to_bytes(sent) == path:
                return sent
    return quote_from_bytes(path, safe=_IN_PATHS)


def _path_in(target: str) -> str:
    """Give the path of a request target (RFC 9112 §3.2). Its host may be anything."""
    if target.startswith("/"):
        return target.partition("?")[0]
    try:
        return urlsplit(target).path
    except ValueError:
        return ""
