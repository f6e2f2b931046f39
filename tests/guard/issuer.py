"""A small issuer on loopback, in a thread of its own. It speaks the wire of the feed.

Between it and the guard stands a carrier, which can cut, replay, reorder, hold back and invent.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from hashlib import sha256

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.net.event_stream import Event, event
from counterfoil.oauth.feed import (
    HEAD_TYPE,
    Head,
    Position,
    first_digest,
    next_digest,
    position_from,
)
from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.oauth.snapshot import (
    MEDIA_TYPE,
    SNAPSHOT_TYPE,
    Snapshot,
    SnapshotPages,
    page_of,
)
from counterfoil.oauth.status_list import compressed

AUDIENCE = "https://notes.example"
Carrier = Callable[[Event], Iterable[Event]]


def honest(event: Event) -> list[Event]:
    return [event]


class Book:
    """The issuer's own side of the feed: what it has ended, chained."""

    def __init__(self, iss: str, epoch: str = "e1", key: PrivateKey | None = None) -> None:
        self.iss = iss
        self.epoch = epoch
        self.key = key or PrivateKey.generate()
        self.texts: list[str] = []
        self.digests = [first_digest(epoch)]

    def add(self, notice: Notice) -> Position:
        text = notice.text()
        self.digests.append(next_digest(self.digests[-1], text))
        self.texts.append(text.decode())
        return Position(self.epoch, len(self.texts))

    def line(self, number: int) -> Event:
        return Event("notice", self.texts[number - 1], f"{self.epoch}:{number}")

    def head(self, at: float, number: int | None = None) -> Head:
        number = len(self.texts) if number is None else number
        return Head(self.iss, self.epoch, number, self.digests[number], at)

    def body(self, number: int | None = None) -> bytes:
        """The pages of a snapshot, two notices on each."""
        texts = self.texts[:number]
        pages = [texts[at : at + 2] for at in range(0, len(texts), 2)]
        return b"".join(page_of(notice_from(text) for text in page) for page in pages)

    def statement(self, at: float, number: int | None = None) -> Snapshot:
        number = len(self.texts) if number is None else number
        body = self.body(number)
        digest, checksum = self.digests[number], sha256(body).hexdigest()
        return Snapshot(self.iss, self.epoch, number, digest, at, number, len(body), checksum)

    def snapshot(self, at: float, number: int | None = None) -> SnapshotPages:
        """As a guard holds it that has read all of it at that time."""
        pages = SnapshotPages(self.statement(at, number), at)
        pages.feed(self.body(number))
        return pages

    def signed_head(self, at: float, number: int | None = None) -> str:
        return jwt.sign(self.head(at, number), self.key, HEAD_TYPE)

    def signed_snapshot(
        self, at: float, number: int | None = None, key: PrivateKey | None = None
    ) -> bytes:
        signed = jwt.sign(self.statement(at, number), key or self.key, SNAPSHOT_TYPE)
        return signed.encode() + b"\n" + self.body(number)


class TinyIssuer:
    def __init__(
        self, *, host: str = "127.0.0.1", path: str = "", algorithm: str = "ES256"
    ) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.origin = f"http://{host}:{self._socket.getsockname()[1]}"
        self.url = self.origin + path
        self.path = path
        self.key = PrivateKey.generate(algorithm)
        self.published = [self.key]
        self.book = Book(self.url)
        self.carrier: Carrier = honest
        self.head_interval = 0.03
        self.with_feed = True
        self.reports: list[bytes] = []
        self.report_status = 200
        self.spends: list[dict[str, list[dict[str, object]]]] = []
        self.spending: Callable[[dict[str, object]], object] = lambda _: 503
        self.metadata_changes: dict[str, object] = {}
        self.snapshot_answer: Callable[[], bytes] | None = None
        self.active: Callable[[str], object] = lambda _token: True
        self.counts: dict[str, int] = {}
        self.lists: dict[str, bytes] = {}
        self.introductions: list[tuple[str, str]] = []
        self.asks: Position | None = None
        self.acknowledged: list[dict[str, object]] = []
        self.acknowledges_with = 204
        self.streams_when_told: list[int] = []
        self.streams = 0
        self._cuts = 0
        self._stopping = False

    def __enter__(self) -> "TinyIssuer":
        routes = [
            Route(f"/.well-known/oauth-authorization-server{self.path}", self._metadata),
            Route("/jwks", self._jwks),
            Route("/reports", self._take_report, methods=["POST"]),
            Route("/allowances", self._spend, methods=["POST"]),
            Route("/notices/jwks", self._feed_jwks),
            Route("/notices", self._notices),
            Route("/notices/snapshot", self._snapshot),
            Route("/notices/acknowledgements", self._acknowledge, methods=["POST"]),
            Route("/introspect", self._introspect, methods=["POST"]),
            Route("/lists/{name}", self._status_list),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            log_level="critical",
            lifespan="off",
            loop="asyncio",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._socket.listen()  # from now on a connection waits instead of being refused
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def token(self, **changes: object) -> str:
        """A token of the kind that the guard accepts, but for the changes."""
        key = changes.pop("key", self.key)
        typ = changes.pop("typ", "at+jwt")
        return jwt.sign(self.claims(**changes), key, typ)

    def claims(self, **changes: object) -> dict[str, object]:
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url,
            "sub": "u1",
            "aud": AUDIENCE,
            "exp": now + 600,
            "iat": now,
            "client_id": "c1",
            "jti": "t1",
            "scope": "notes:read notes:write",
            "fam": "f1",
            "gen": (0, 0),
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def end(self, kind: Ended, name: str, generation: int = 0) -> Position:
        return self.book.add(Notice(kind, name, int(time.time()) + 600, generation))

    def cut_streams(self) -> None:
        """End every stream that is open now."""
        self._cuts += 1

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    async def _metadata(self, _request: Request) -> Response:
        self._count("metadata")
        metadata: dict[str, object] = {
            "issuer": self.url,
            "jwks_uri": f"{self.origin}/jwks",
            "introspection_endpoint": f"{self.origin}/introspect",
            "reports_endpoint": f"{self.origin}/reports",
            "allowances_endpoint": f"{self.origin}/allowances",
        }
        if self.with_feed:
            metadata["notices_endpoint"] = f"{self.origin}/notices"
            metadata["notices_jwks_uri"] = f"{self.origin}/notices/jwks"
        return JSONResponse(metadata | self.metadata_changes)

    async def _jwks(self, _request: Request) -> Response:
        self._count("jwks")
        return JSONResponse(KeySet(key.public for key in self.published).as_jwks())

    async def _take_report(self, request: Request) -> Response:
        self._count("report")
        body = await request.body()
        if self.report_status == 200:
            self.reports.append(body)
        return JSONResponse({}, self.report_status)

    async def _spend(self, request: Request) -> Response:
        """Answer as ``spending`` says: a document, a status, or no answer at all."""
        self.spends.append(await request.json())
        answer = self.spending(self.spends[-1])
        if answer is None:
            await asyncio.Event().wait()
        return Response(status_code=answer) if isinstance(answer, int) else JSONResponse(answer)

    async def _feed_jwks(self, _request: Request) -> Response:
        return JSONResponse(KeySet([self.book.key.public]).as_jwks())

    async def _snapshot(self, _request: Request) -> Response:
        self._count("snapshot")
        now = time.time()
        signed = self.snapshot_answer() if self.snapshot_answer else self.book.signed_snapshot(now)
        return Response(signed, media_type=MEDIA_TYPE)

    async def _introspect(self, request: Request) -> Response:
        self._count("introspect")
        form = (await request.body()).decode()
        answer = self.active(form)
        if isinstance(answer, int) and not isinstance(answer, bool):
            return Response(status_code=answer)
        whole = answer if isinstance(answer, dict) and answer else {"active": answer}
        return JSONResponse(whole)

    def list_of(self, bits: bytes, name: str = "1", **changes: object) -> str:
        """Publish a status list; give its address."""
        uri = f"{self.origin}/lists/{name}"
        key = changes.pop("key", self.key)
        width, lst = changes.pop("width", 1), changes.pop("lst", compressed(bits))
        claims: dict[str, object] = {
            "iss": self.url, "sub": uri, "iat": int(time.time()), "ttl": 60,
            "status_list": {"bits": width, "lst": lst},
        }  # fmt: skip
        signed = jwt.sign(claims | changes, key, "statuslist+jwt")
        self.lists[name] = signed.encode()
        return uri

    async def _status_list(self, request: Request) -> Response:
        self._count("list")
        signed = self.lists.get(request.path_params["name"])
        if signed is None:
            return Response(status_code=503)
        return Response(signed, media_type="application/statuslist+jwt")

    async def _acknowledge(self, request: Request) -> Response:
        status = self.acknowledges_with  # what it is when the count is seen to rise may be another
        self._count("acknowledge")
        self.streams_when_told.append(self.streams)
        if status == 204:
            self.acknowledged.append(await request.json())
        return Response(status_code=status)

    async def _notices(self, request: Request) -> Response:
        self._count("stream")
        headers = request.headers
        self.introductions.append(
            (headers.get("counterfoil-guard", ""), headers.get("authorization", ""))
        )
        position = position_from(request.headers.get("last-event-id", ""))
        return StreamingResponse(self._stream(position), media_type="text/event-stream")

    async def _stream(self, position: Position | None) -> AsyncIterator[bytes]:
        book = self.book
        if position is None or position.epoch != book.epoch or position.number > len(book.texts):
            yield event("reset", "{}")
            return
        self.streams += 1
        number, next_head, cuts, asked = position.number, 0.0, self._cuts, None
        yield event("welcome", f'{{"follower":"line-{self.counts["stream"]}","known_as":""}}')
        try:
            while not self._stopping and book is self.book and cuts == self._cuts:
                while number < len(book.texts):
                    number += 1
                    for each in self.carrier(book.line(number)):
                        yield event(each.name, each.data, each.last_id)
                if self.asks != asked:
                    asked = self.asks
                    yield event("acknowledge", str(asked))
                now = time.time()
                if now >= next_head:
                    next_head = now + self.head_interval
                    self._count("head")
                    for each in self.carrier(Event("head", book.signed_head(now), "")):
                        yield event(each.name, each.data, each.last_id)
                await asyncio.sleep(0.002)
        finally:
            self.streams -= 1
