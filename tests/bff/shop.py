"""A shop in the browser and its backend: a real server, a real guarded API, and an odd one."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn

from counterfoil.bff import BackendForFrontend, Upstream
from counterfoil.client import AsyncClient, DpopKey, Outside, Tokens
from examples.notes_api.app import notes_api
from tests.interop.serving import EMAIL, NOTES, PASSWORD, Serving, allowed

ORIGIN = "https://shop.example"
SCOPE = "openid profile email notes:read notes:write"
BACK = ("--redirect-uri", f"{ORIGIN}/bff/callback", "--post-logout-redirect-uri", f"{ORIGIN}/")
OWN = {"X-Counterfoil-BFF": "1", "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
"""What a browser sends with a request of the app's own scripts."""
SESSION = "__Host-bff-session"
READY_WITHIN = 30


class Clock:
    """The time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@contextmanager
def listening(app: Any, **options: Any) -> Iterator[int]:
    """Serve an ASGI app on this machine, in a thread, on any port; gives the port."""
    usual = {"host": "127.0.0.1", "port": 0, "log_level": "critical"}
    config = uvicorn.Config(app, **(usual | options))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    last = time.monotonic() + READY_WITHIN
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < last, "it did not start"
        thread.join(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@dataclass
class OddApi:
    """Answers as a test tells it to, and keeps what it was sent."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=lambda: [b"odd"])
    is_silent: bool = False
    breaks_off: bool = False
    seen: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.seen.append(scope)
        self.asked.set()
        await self._read(receive)
        if self.is_silent:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
            return
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not self.breaks_off:
            await send({"type": "http.response.body"})

    async def _read(self, receive: Any) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                self.bodies.append(body)
                return

    def be_usual(self) -> None:
        """Answer 200 again."""
        self.status, self.headers, self.pieces = 200, [], [b"odd"]
        self.is_silent = self.breaks_off = False

    def header(self, name: str) -> str | None:
        """A header of the last request."""
        found = [v.decode("latin-1") for n, v in self.seen[-1]["headers"] if n == name.encode()]
        return found[0] if found else None


@dataclass
class Shop:
    """All that stands behind the app."""

    server: Serving
    notes: str
    odd: OddApi
    odd_url: str
    known: httpx2.Client

    @asynccontextmanager
    async def app(
        self, client_id: str = "shop", dpop_key: DpopKey | None = None, **options: Any
    ) -> AsyncIterator["App"]:
        """The app's backend."""
        clock = Clock()
        outside = Outside(clock)
        further: Any = {} if dpop_key is None else {"dpop_key": dpop_key}
        if "cache" in options:
            further["cache"] = options.pop("cache")
        client = AsyncClient(
            self.server.issuer,
            client_id,
            self.server.secrets[client_id],
            redirect_uri=f"{ORIGIN}/bff/callback",
            post_logout_redirect_uri=f"{ORIGIN}/",
            outside=outside,
            **further,
        )
        options.setdefault(
            "apis",
            {
                "/api": Upstream(url=self.notes, resource=NOTES),
                "/odd": Upstream(url=self.odd_url, resource=NOTES, patience=5),
            },
        )
        options.setdefault("scope", SCOPE)
        bff = BackendForFrontend(client, outside=outside, **options)
        try:
            yield App(self, bff, clock)
        finally:
            await bff.aclose()


def at(bff: BackendForFrontend) -> httpx2.AsyncClient:
    """A browser at an app, with cookies of its own."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(bff), base_url=ORIGIN)


@dataclass
class App:
    """The running backend of the app."""

    shop: Shop
    bff: BackendForFrontend
    clock: Clock

    async def end_at_server(self, browser: "Browser") -> None:
        """End what stands behind a session, as its person could on their account page."""
        custody = self.bff._setup.custody
        session = await custody.find(browser.session)
        assert session is not None
        tokens = await custody.tokens(session)
        await self.bff._setup.client.revoke(tokens.refresh_token or "")
        await self.until_refused(tokens)

    async def until_refused(self, tokens: Tokens) -> None:
        """Wait until the API has heard that a token ended."""
        async with asyncio.timeout(READY_WITHIN):
            while await self._status_of(tokens) != 401:
                pass

    async def _status_of(self, tokens: Tokens) -> int:
        return (await self.bff._setup.client.fetch(tokens, f"{self.shop.notes}/notes")).status

    @asynccontextmanager
    async def browser(self) -> AsyncIterator["Browser"]:
        """A browser that is new here; at the server its person signs in once for all tests."""
        async with at(self.bff) as app:
            yield Browser(app, self.shop.known)

    @asynccontextmanager
    async def strange_browser(self) -> AsyncIterator["Browser"]:
        """A browser that is new at the server too."""
        with httpx2.Client(base_url=self.shop.server.issuer, trust_env=False) as server:
            async with at(self.bff) as app:
                yield Browser(app, server)


@dataclass
class Browser:
    """A browser: its cookies here, and at the server."""

    app: httpx2.AsyncClient
    server: httpx2.Client

    async def begin(self, query: str = "") -> str:
        """Begin to sign in; gives where the browser is sent."""
        answer = await self.app.get(f"/bff/sign-in{query}")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def back(self, url: str) -> httpx2.Response:
        """Go to the server, sign in and allow where it asks, and come back."""
        return await self.app.get(await self.callback(url))

    async def callback(self, url: str) -> str:
        """Do so, but stop on the threshold."""
        return await asyncio.to_thread(allowed, self.server, url, EMAIL, PASSWORD)

    async def sign_in(self, query: str = "") -> httpx2.Response:
        """Sign in."""
        answer = await self.back(await self.begin(query))
        assert answer.status_code == 303
        return answer

    async def call(self, path: str, method: str = "GET", **options: Any) -> httpx2.Response:
        """Call as the app's own scripts do."""
        headers = OWN | options.pop("headers", {})
        return await self.app.request(method, path, headers=headers, **options)

    @property
    def session(self) -> str:
        """The handle that this browser holds."""
        return self.app.cookies.get(SESSION) or ""


@contextmanager
def opened(server: Serving) -> Iterator[Shop]:
    """Open the shop beside a server."""
    server.register("shop", *BACK, "--scope", SCOPE)
    odd = OddApi()
    with (
        listening(notes_api(server.issuer, NOTES)) as notes,
        listening(odd, lifespan="off") as strange,
        httpx2.Client(base_url=server.issuer, trust_env=False) as known,
    ):
        odd_url = f"http://127.0.0.1:{strange}"
        yield Shop(server, f"http://127.0.0.1:{notes}", odd, odd_url, known)
