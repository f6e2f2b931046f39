"""Speaks ASGI to the app byte by byte: what no well-behaved HTTP client would send."""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from counterfoil.server.app import App

Header = tuple[bytes, bytes]
PATIENCE = 20.0
"""Seconds: much longer than anything takes, on the slowest machine."""


class Answer(Struct, frozen=True):
    """What came back, in bytes."""

    status: int
    headers: list[Header]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        found = [value for key, value in self.headers if key.lower() == name]
        assert len(found) < 2, name
        return found[0] if found else None


class Sent(Struct, frozen=True):
    """A request as it is sent; ``path`` is decoded already, as servers hand it over."""

    method: str = "GET"
    path: str = "/"
    query: bytes = b""
    headers: Sequence[Header] = ()
    body: bytes = b""
    address: str = "127.0.0.1"


async def send(app: App, sent: Sent) -> Answer:
    """Send, and give the answer; whatever the app raises goes through."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": sent.path,
        "raw_path": sent.path.encode("utf-8", "surrogatepass"),
        "query_string": sent.query,
        "root_path": "",
        "headers": list(sent.headers),
        "client": (sent.address, 50_000),
        "server": ("127.0.0.1", 8000),
    }
    chunks = [sent.body[: len(sent.body) // 2], sent.body[len(sent.body) // 2 :]]
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if chunks:
            body = chunks.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(chunks)}
        return {"type": "http.disconnect"}

    async def take(message: Any) -> None:
        told.append(message)

    await asyncio.wait_for(app(scope, receive, take), PATIENCE)
    assert told[0]["type"] == "http.response.start"
    body = b"".join(message.get("body", b"") for message in told[1:])
    return Answer(told[0]["status"], list(told[0]["headers"]), body)
