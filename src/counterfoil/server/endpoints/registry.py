"""The registry's feed over HTTP: server-sent events, for guards that say who they are."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from counterfoil.net.event_stream import event
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.feed import Position, position_from
from counterfoil.server.endpoints.oauth import refused
from counterfoil.server.protocol.client_authentication import credentials_of_header
from counterfoil.server.protocol.registry_feed import Follower, Told, demand_follower
from counterfoil.server.web.reading import authorization_of, header, query_of
from counterfoil.server.web.server import Server

_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def stream(server: Server, request: Request) -> Response:
    """``GET /registry?audience=…``: the digests of an API's tokens after ``Last-Event-ID``."""
    try:
        follower = await _follower(server, request)
        given = header(request, b"last-event-id") or b""
    except OAuthError as error:
        return refused(server, request, error)
    if request.method == "HEAD":
        return Response(media_type="text/event-stream", headers=_HEADERS)
    most = server.authority.settings.followers_most
    if server.authority.hub.has_ended or server.registry_feed.followers >= most:
        return Response(status_code=503, headers={"retry-after": "5", **_HEADERS})
    body = _events(server, follower, position_from(given.decode("latin-1")))
    return StreamingResponse(body, media_type="text/event-stream", headers=_HEADERS)


async def _follower(server: Server, request: Request) -> Follower:
    audience = query_of(request).require("audience")
    authority = server.authority
    credentials = await credentials_of_header(authority, authorization_of(request))
    follower = Follower(credentials, audience)
    secret_id = await authority.store.read(partial(demand_follower, follower))
    authority.activity.note_secret(secret_id, int(server.clock()))
    return follower


async def _events(
    server: Server, follower: Follower, cursor: Position | None
) -> AsyncIterator[bytes]:
    async for told in server.registry_feed.follow(server.authority, follower, cursor):
        yield _spelled(told)


def _spelled(told: Told) -> bytes:
    if told.cursor is None:
        return event("beat", told.data)
    return event("tokens", told.data, str(told.cursor))
