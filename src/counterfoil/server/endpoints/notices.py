"""The notices feed: server-sent events with signed heads, and the snapshot to begin from."""

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from counterfoil.net.event_stream import event
from counterfoil.oauth.feed import Position, position_from
from counterfoil.server.hub import Told
from counterfoil.server.web.reading import header
from counterfoil.server.web.server import Server

RESET: Final = event("reset", b"{}")
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def stream(server: Server, request: Request) -> Response:
    """``GET /notices``: every notice after ``Last-Event-ID``, in order, and a head each second."""
    await server.authority.hub.catch_up()
    given = header(request, b"last-event-id") or b""
    cursor = position_from(given.decode("latin-1"))
    if request.method == "HEAD":
        return Response(media_type="text/event-stream", headers=_HEADERS)
    hub = server.authority.hub
    if hub.has_ended or hub.followers >= server.authority.settings.followers_most:
        return Response(status_code=503, headers={"retry-after": "5", **_HEADERS})
    body = _events(server, cursor)
    return StreamingResponse(body, media_type="text/event-stream", headers=_HEADERS)


async def snapshot(server: Server, _: Request) -> Response:
    """``GET /notices/snapshot``: all living notices, signed, with the position they reach."""
    await server.authority.hub.catch_up()
    body = await server.authority.hub.snapshot(server.clock)
    return Response(body, media_type="application/jwt", headers={"cache-control": "no-cache"})


async def _events(server: Server, cursor: Position | None) -> AsyncIterator[bytes]:
    if cursor is not None:
        async for told in server.authority.hub.follow(cursor):
            yield _spelled(told)
    if not server.authority.hub.has_ended:
        yield RESET


def _spelled(told: Told) -> bytes:
    if told.position is None:
        return event("head", told.data)
    return event("notice", told.data, str(told.position))
