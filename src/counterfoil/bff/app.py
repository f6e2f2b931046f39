"""The backend-for-frontend, an ASGI app: sign-in, session, sign-out, the way to the APIs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Unpack

from counterfoil.bff import back_channel, browser_session, sign_in
from counterfoil.bff.asgi import App, Receive, Reply, Request, Scope, Send, TurnedAway
from counterfoil.bff.lifespan import run_lifespan
from counterfoil.bff.pages import serve_page
from counterfoil.bff.proxy import Proxy
from counterfoil.bff.setup import CALLBACK, Options, Setup, set_up
from counterfoil.bff.upstream import Upstream
from counterfoil.client import AsyncClient
from counterfoil.net.relay import Relay

Endpoint = Callable[[Setup, Request], Awaitable[Reply]]

ENDPOINTS: Final[Mapping[str, tuple[str, Endpoint]]] = {
    "/sign-in": ("GET", sign_in.begin),
    CALLBACK: ("GET", sign_in.complete),
    "/session": ("GET", browser_session.show),
    "/sign-out": ("POST", browser_session.sign_out),
}
POLICY_VIOLATION: Final = 1008
"""The WebSocket close code (RFC 6455 §7.4.1)."""


class BackendForFrontend:
    """Keeps an app's tokens out of the browser, which holds the id of a session instead.

    Args:
        client: the app at its server. Its ``redirect_uri`` says where the app is, and below which
            path the backend-for-frontend answers: ``https://shop.example/bff/callback``. It is
            closed with the app's lifespan.
        apis: by their paths here, such as ``/api``.
        pages: the ASGI app that serves everything else; its answers get a strict content security
            policy where they have none of their own.
        options: see `Options`.

    Raises:
        TypeError: there is no such option.
        ValueError: something of it cannot be, or would not be safe; it says what to do.
    """

    def __init__(
        self,
        client: AsyncClient,
        apis: Mapping[str, Upstream],
        pages: App | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._setup = set_up(client, apis, options)
        self._relay = Relay()
        self._proxy = Proxy(self._setup, self._relay)
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await run_lifespan(self._pages, self.aclose, scope, receive, send)
        elif scope["type"] == "websocket" and self._is_ours(scope):
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        elif scope["type"] == "http" and self._is_ours(scope):
            await self._serve(Request.of(scope), receive, send)
        else:
            await serve_page(self._pages, scope, receive, send)

    async def aclose(self) -> None:
        """Let endings finish, and close every connection."""
        await self._setup.custody.aclose()
        await self._relay.aclose()
        await self._setup.client.aclose()

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        try:
            mount = self._mount_of(request.path)
            if mount is not None:
                await self._proxy.serve(mount, request, receive, send)
                return
            if request.path == f"{self._setup.own}{back_channel.PATH}":
                reply = await back_channel.end_told(self._setup, request, receive)
            else:
                reply = await self._answered(request)
        except TurnedAway as turned_away:
            reply = turned_away.reply
        await reply.send(send)

    async def _answered(self, request: Request) -> Reply:
        found = ENDPOINTS.get(request.path.removeprefix(self._setup.own))
        if found is None:
            raise TurnedAway(404, "not_found", "There is nothing here.")
        method, endpoint = found
        if request.method != method:
            refusal = TurnedAway(405, "method_not_taken", f"Send {method}.")
            return refusal.reply.with_headers(("allow", method))
        return await endpoint(self._setup, request)

    def _is_ours(self, scope: Scope) -> bool:
        """Whether this is below a path of ours, by what was sent or by how others would read it."""
        sent = Request.of({"method": "", **scope}).path
        ours = (self._setup.own, *self._setup.apis)
        paths = (sent, str(scope["path"]))
        return any(is_at(path, each) for each in ours for path in paths)

    def _mount_of(self, path: str) -> str | None:
        return next((mount for mount in self._setup.apis if is_at(path, mount)), None)


def is_at(path: str, mount: str) -> bool:
    """Whether a path is a mount, or lies below it."""
    return path == mount or path.startswith(f"{mount}/")
