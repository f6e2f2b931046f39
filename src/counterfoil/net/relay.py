"""Passes requests on and their answers back, piece by piece, and leaves both as they are.

Straight to the transport: no redirect is followed, no cookie is kept for the next request, no
header is added but those of the framing (RFC 9112 §6).
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx2
from msgspec import Struct

from counterfoil.net.http import TIMEOUT, Unreachable, demand_safe

AT_ONCE: Final = 200
"""Connections in all."""
_STATUSES: Final = range(200, 600)
"""Those of an answer that is whole, and that servers can write (RFC 9110 §15)."""


class Silent(Unreachable):
    """No answer came in time, or it stopped."""


class Crowded(Unreachable):
    """There is no free connection."""


class Outgoing(Struct, frozen=True):
    """A request. ``patience``: seconds between two pieces."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | AsyncIterable[bytes]
    patience: float = 30.0

    def __repr__(self) -> str:
        return f"Outgoing({self.method} {self.url.partition('?')[0]})"


class Incoming(Struct, frozen=True):
    """An answer; ``pieces`` are of the body as it is encoded."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: AsyncIterator[bytes]

    def every(self, name: str) -> tuple[str, ...]:
        """Give every value of a header."""
        return tuple(value for each, value in self.headers if each == name)


class Relay:
    """Sends requests in an event loop; it belongs to that one."""

    def __init__(self) -> None:
        limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=20)
        self._transport = httpx2.AsyncHTTPTransport(trust_env=False, limits=limits)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    @asynccontextmanager
    async def send(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        """Send a request; its answer lasts as long as the block.

        Raises:
            Unreachable: no answer came, or it broke off; `Silent` and `Crowded` are kinds of it.
            ValueError: the address must not be called.
        """
        demand_safe(outgoing.url)
        timeout = httpx2.Timeout(outgoing.patience, connect=TIMEOUT, pool=TIMEOUT)
        try:
            answer = await self._transport.handle_async_request(
                httpx2.Request(
                    outgoing.method,
                    outgoing.url,
                    headers=_encoded(outgoing.headers),
                    content=outgoing.body or None,
                    extensions={"timeout": timeout.as_dict()},
                )
            )
        except httpx2.HTTPError as error:
            raise _failure(outgoing, error) from None
        try:
            if answer.status_code not in _STATUSES:
                raise Unreachable(f"{outgoing!r} was answered {answer.status_code}")
            yield Incoming(answer.status_code, _headers_of(answer), _pieces(outgoing, answer))
        finally:
            await answer.aclose()


async def _pieces(outgoing: Outgoing, answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    except httpx2.HTTPError as error:
        raise _failure(outgoing, error) from None


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]


def _headers_of(answer: httpx2.Response) -> tuple[tuple[str, str], ...]:
    return tuple((n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in answer.headers.raw)


def _failure(outgoing: Outgoing, error: httpx2.HTTPError) -> Unreachable:
    # Without the query, which may say something about somebody.
    sentence = f"{outgoing.url.partition('?')[0]}: {type(error).__name__}"
    if isinstance(error, httpx2.PoolTimeout):
        return Crowded(sentence)
    return Silent(sentence) if isinstance(error, httpx2.TimeoutException) else Unreachable(sentence)
