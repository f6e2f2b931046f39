"""A request and an answer as values, for ASGI 3: what the backend-for-frontend needs of it."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

Scope = MutableMapping[str, Any]  # ASGI leaves the values open
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[str, str], ...]

SAFE: Final[Headers] = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
)
"""What every answer of the backend-for-frontend says: it is data for this app's own scripts."""
_IN_PATHS: Final = "/-._~!$&'()*+,;=:@"


class Request(Struct, frozen=True):
    """A request. ``path`` and ``query`` stand as they were sent; header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()

    @classmethod
    def of(cls, scope: Scope) -> "Request":
        """Read an ASGI connection."""
        raw = scope.get("raw_path")
        path = raw.decode("latin-1") if isinstance(raw, bytes) else _quoted(scope["path"])
        return cls(
            scope["method"],
            path.partition("?")[0],
            scope.get("query_string", b"").decode("latin-1"),
            tuple((n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in scope["headers"]),
        )

    def values(self, name: str) -> list[str]:
        """Give every value of a header."""
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str:
        """Give the value of a header that comes once; empty where it is missing or repeated."""
        found = self.values(name)
        return found[0] if len(found) == 1 else ""

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"


class Reply(Struct, frozen=True):
    """An answer of the backend-for-frontend's own."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    async def send(self, send: Send) -> None:
        """Send it."""
        length = ("content-length", str(len(self.body)))
        await send(start_of(self.status, (*SAFE, length, *self.headers)))
        await send({"type": "http.response.body", "body": self.body})

    def with_headers(self, *more: tuple[str, str]) -> "Reply":
        """Give the same answer with further headers."""
        return msgspec.structs.replace(self, headers=(*self.headers, *more))


class TurnedAway(Exception):
    """The request is not served: nothing has happened. ``error`` is for programs."""

    def __init__(self, status: int, error: str, sentence: str, **further: object) -> None:
        super().__init__(sentence)
        self.reply = document({"error": error, "error_description": sentence, **further}, status)


def document(content: Mapping[str, object], status: int = 200) -> Reply:
    """Answer with JSON."""
    body = msgspec.json.encode(content)
    return Reply(status, (("content-type", "application/json"),), body)


def redirect(location: str) -> Reply:
    """Send the browser elsewhere, by GET."""
    return Reply(303, (("location", location),))


def start_of(status: int, headers: Headers) -> Message:
    """Write the message that begins an answer."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def _quoted(path: str) -> str:
    return quote(path, safe=_IN_PATHS)
