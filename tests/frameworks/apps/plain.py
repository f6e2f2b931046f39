"""No framework at all: an app of ASGI and one of WSGI, behind the guard's middleware."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from counterfoil.guard import Guard, asgi, wsgi
from tests.frameworks.apps.guards import REALM, guard_from_environment

OPEN = ("/health", "/made/")


def build_asgi(guard: Guard) -> asgi.GuardMiddleware:
    async def answer(request: Request) -> Response:
        path, token = request.url.path, request.state._state.get("token")
        if path in ("/health", "/made/file"):
            return PlainTextResponse("well" if path == "/health" else "file")
        if token is None:
            return PlainTextResponse("nothing here", 404)
        if path == "/broken":
            raise RuntimeError("no refusal")
        token.require(*{"/inside": ["notes:admin"], "/write": ["notes:write"]}.get(path, []))
        if path == "/stream":
            pieces = iter([b"one ", b"two ", token.subject.encode()])
            return StreamingResponse(pieces, media_type="text/plain")
        if path.startswith("/names/"):
            return PlainTextResponse(request.path_params["rest"].removeprefix("names/"))
        return JSONResponse({("written" if path == "/write" else "subject"): token.subject})

    app = Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST"])])
    return asgi.GuardMiddleware(app, guard, realm=REALM, open_paths=OPEN)


def build_wsgi(guard: Guard) -> wsgi.GuardMiddleware:
    return wsgi.GuardMiddleware(plain, guard, realm=REALM, open_paths=OPEN)


def plain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    def start(content_type: str = "application/json") -> None:
        status = HTTPStatus.OK
        start_response(f"{status} {status.phrase}", [("Content-Type", content_type)])

    path, token = environ["PATH_INFO"], environ.get(wsgi.TOKEN)
    if path in ("/health", "/made/file"):
        start("text/plain")
        return [b"well" if path == "/health" else b"file"]
    if token is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"nothing here"]
    if path == "/broken":
        raise RuntimeError("no refusal")
    if path == "/inside":
        return refusing(token, start)
    if path == "/write":
        token.require("notes:write")
    start("text/plain" if path.startswith(("/stream", "/names")) else "application/json")
    if path == "/stream":
        return iter([b"one ", b"two ", token.subject.encode()])
    if path.startswith("/names/"):
        return [path.removeprefix("/names/").encode("latin-1")]
    word = "written" if path == "/write" else "subject"
    return (
        [f'{{"{word}":"{token.subject}"}}'.encode()] if environ["REQUEST_METHOD"] != "HEAD" else []
    )


def refusing(token: Any, start: Any) -> Iterator[bytes]:
    """Refuses when its answer has been begun, but nothing of it has been sent."""
    start()
    token.require("notes:admin")
    yield b"never"


def from_environment() -> wsgi.GuardMiddleware:
    return build_wsgi(guard_from_environment())
