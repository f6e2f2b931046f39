"""The notices feed: server-sent events with signed heads, and the snapshot to begin from.

A guard that introduces itself is asked for acknowledgements while somebody waits for a receipt.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.net.event_stream import event
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.feed import position_from
from counterfoil.oauth.receipts import INTRODUCTION, Acknowledgement, Welcome, introduction_from
from counterfoil.oauth.snapshot import MEDIA_TYPE
from counterfoil.server.hub import Hub
from counterfoil.server.hub.followers import Follower, TooMany
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.protocol import feed_guards
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.guards import Said
from counterfoil.server.web.reading import authorization_of, header, json_of, origin_of
from counterfoil.server.web.server import Server

PUSH: Final = "counterfoil.push"
"""An extension of ASGI, where the server underneath has it: its ``push`` sends a chunk of a body
that is under way, at once; or says ``False`` and does not."""
RESET: Final = event("reset", b"{}")
SNAPSHOT_MAX_AGE: Final = 5
"""Seconds for which a cache may keep a snapshot."""
_EVENTS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}
_TRY_AGAIN: Final = {"retry-after": "5", "cache-control": "no-store"}


class _Pieces(Protocol):
    """The pieces of a long answer."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


class FollowerResponse(Response):
    """A long answer to one follower: it ends when the follower leaves, or does not read."""

    def __init__(
        self, hub: Hub, follower: Follower, pieces: _Pieces, headers: Mapping[str, str]
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(headers)
        self._hub = hub
        self._follower = follower
        self._pieces = pieces

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        """Send all pieces; nothing is awaited for a follower but its own reading."""
        follower = self._follower
        follower.lives_here()
        follower.push = (scope.get("extensions") or {}).get(PUSH, {}).get("push")
        leaving = asyncio.create_task(_left(receive))
        leaving.add_done_callback(lambda _: follower.drop())
        try:
            start = {"status": 200, "headers": self.raw_headers}
            await self._write(send({"type": "http.response.start", **start}))
            async for piece in self._pieces:
                body = {"type": "http.response.body", "body": piece, "more_body": True}
                await self._write(send(body))
            await self._write(send({"type": "http.response.body", "body": b""}))
        except asyncio.CancelledError:
            if not follower.is_dropped:
                raise
        finally:
            self._hub.followers.leave(follower)
            leaving.cancel()
            await self._pieces.aclose()

    async def _write(self, sending: Awaitable[None]) -> None:
        self._follower.writing_since = asyncio.get_running_loop().time()
        await sending
        self._follower.writing_since = None


async def stream(server: Server, request: Request) -> Response:
    """``GET /notices``: every notice after ``Last-Event-ID``, in order, and a head each second."""
    hub = server.authority.hub
    await hub.catch_up()
    given = header(request, b"last-event-id") or b""
    if request.method == "HEAD":
        return Response(headers=_EVENTS)
    try:
        follower = _admit(server, request)
    except TooMany as many:
        return _turned_away(many)
    try:
        greeting = await _greeting(server, request, follower)
    except BaseException:
        hub.followers.leave(follower)
        raise
    follower.position = position_from(given.decode("latin-1"))
    return FollowerResponse(hub, follower, _events(hub, follower, greeting), _EVENTS)


async def acknowledge(server: Server, request: Request) -> Response:
    """``POST /notices/acknowledgements``: a guard says up to where all notices count there."""
    try:
        given = msgspec.json.decode(await json_of(request), type=Acknowledgement)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid_request(
            "The body must be a JSON object with follower, position and leaves."
        ) from None
    authority, position = server.authority, position_from(given.position)
    await authority.hub.catch_up()
    reached = authority.hub.position
    if position is None or position.epoch != reached.epoch or position.number > reached.number:
        raise invalid_request("The position is none that the notices have reached.")
    said = Said(given.follower, position.number, given.leaves)
    if not await authority.receipts.hear(said, position.epoch):
        raise invalid_request("There is no such follower.")
    return Response(status_code=204)


async def snapshot(server: Server, request: Request) -> Response:
    """``GET /notices/snapshot``: all living notices, signed, with the position they reach."""
    hub = server.authority.hub
    try:
        follower = _admit(server, request)
    except TooMany as many:
        return _turned_away(many)
    try:
        reading = await server.authority.snapshots.newest(server.clock)
    except BaseException:
        hub.followers.leave(follower)
        raise
    headers = {
        "content-type": MEDIA_TYPE,
        "cache-control": f"public, max-age={SNAPSHOT_MAX_AGE}",
        "etag": reading.etag,
    }
    known = reading.etag.encode("ascii") in (header(request, b"if-none-match") or b"")
    if request.method != "HEAD" and not known:
        headers["content-length"] = str(reading.size)
        return FollowerResponse(hub, follower, reading, headers)
    hub.followers.leave(follower)
    await reading.aclose()
    return Response(status_code=304 if known else 200, headers=headers)


def _admit(server: Server, request: Request) -> Follower:
    settings, hub = server.authority.settings, server.authority.hub
    if hub.has_ended:
        raise TooMany(of_source=False)
    origin = origin_of(request, settings.trusted_proxies)
    return hub.followers.admit(source_of(origin.address), settings)


def _turned_away(many: TooMany) -> Response:
    """Too many of one address is 429 (RFC 6585 §4), too many in all is 503."""
    return Response(status_code=429 if many.of_source else 503, headers=_TRY_AGAIN)


async def _greeting(server: Server, request: Request, follower: Follower) -> bytes:
    """Welcome a guard that introduces itself; nobody must, for the feed is for everyone."""
    introduction = introduction_from(_text_of(request, INTRODUCTION))
    if introduction is None:
        return b""
    client_id = await feed_guards.proved(server.authority, authorization_of(request))
    line = await server.authority.receipts.welcome(follower, introduction, client_id)
    return event("welcome", msgspec.json.encode(Welcome(line, client_id)))


def _text_of(request: Request, name: str) -> str:
    return (header(request, name.lower().encode("ascii")) or b"").decode("latin-1")


async def _events(hub: Hub, follower: Follower, greeting: bytes) -> AsyncGenerator[bytes, None]:
    if greeting:
        yield greeting
    try:
        while told := await hub.next_for(follower):
            yield told
    except StoreUnavailable:
        return
    if not hub.has_ended:
        yield RESET


async def _left(receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
