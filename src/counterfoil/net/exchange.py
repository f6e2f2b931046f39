"""One request and its answer as values, and the two ways to send them: blocking and async.

A flow that is written as a generator of requests is driven by either. httpx2 is loaded with the
first sender.
"""

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from counterfoil.jose import strict_json
from counterfoil.jose.errors import JoseError
from counterfoil.net.http import (
    MAX_BODY_BYTES,
    TIMEOUT,
    BadAnswer,
    Unreachable,
    demand_safe,
    no_cookies,
)

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

WHOLE: Final = 20.0
"""Seconds in which the whole body has to come, of all but messages: an issuer that says a letter
every second would else hold up all who wait for the same refresh.
"""
HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "counterfoil",
    }
)
"""What every request says that says nothing else."""


class Message(Struct, frozen=True):
    """What a request of any kind says: its method, its body, and further headers.

    ``most``: how many bytes the answer may have; ``timeout``: seconds between two pieces of it.
    """

    method: str
    content: bytes | None = None
    headers: Mapping[str, str] = {}
    most: int = MAX_BODY_BYTES
    timeout: float = TIMEOUT

    def __repr__(self) -> str:
        return f"Message({self.method})"


class Request(Struct, frozen=True):
    """A request. ``form`` makes it a POST; ``authorization`` is the value of that header.

    ``proof`` is the value of the header ``DPoP``. It is sent ``after`` so many seconds.
    ``message``: another method, a body and headers of its own.
    """

    url: str
    form: Mapping[str, str] | None = None
    authorization: str = ""
    proof: str = ""
    after: float = 0
    message: Message | None = None

    @property
    def method(self) -> str:
        """``GET``, ``POST``, or what the message says."""
        if self.message is not None:
            return self.message.method
        return "GET" if self.form is None else "POST"

    @property
    def most(self) -> int:
        """How many bytes the answer may have."""
        return MAX_BODY_BYTES if self.message is None else self.message.most

    @property
    def timeout(self) -> float | None:
        """Seconds between two pieces of the answer; ``None``: as the sender has it."""
        return None if self.message is None else self.message.timeout

    @property
    def content(self) -> bytes | None:
        """The body, encoded; ``None``: there is none."""
        if self.message is not None:
            return self.message.content
        return None if self.form is None else urlencode(self.form).encode()

    @property
    def headers(self) -> dict[str, str]:
        """The headers that are this request's own."""
        own = dict(self.message.headers) if self.message is not None else {}
        if self.form is not None:
            own["Content-Type"] = "application/x-www-form-urlencoded"
        own |= {"Authorization": self.authorization, "DPoP": self.proof}
        return {name: value for name, value in own.items() if value}

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url})"


class Answer(Struct, frozen=True):
    """An answer, whatever its status.

    ``www_authenticate`` and ``dpop_nonce`` are the headers of these names.
    """

    url: str
    status: int
    media_type: str
    body: bytes
    www_authenticate: str = ""
    dpop_nonce: str = ""

    def json(self) -> dict[str, object]:
        """Read the body as a JSON object.

        Raises:
            BadAnswer: where it is none.
        """
        if self.media_type not in {"application/json", "application/jwk-set+json"}:
            raise BadAnswer(
                f"{self.url} answered {self.status} with the media type {self.media_type!r}"
            )
        try:
            return strict_json.decode_object(self.body)
        except JoseError as error:
            raise BadAnswer(f"{self.url}: {error}") from None

    def __repr__(self) -> str:
        return f"Answer({self.status} from {self.url})"


Exchange: TypeAlias = Generator[Request, Answer, T]
"""A flow: it yields requests, is sent their answers, and returns its result.

Where no answer comes, `Unreachable` is raised at the ``yield``; most flows let it pass.
"""


class BlockingSender:
    """Sends requests and waits. Several threads may share it."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        # Plain http goes to this machine alone, so never through a proxy of the environment.
        import httpx2

        self._client = httpx2.Client(
            timeout=timeout,
            headers=HEADERS,
            cookies=no_cookies(),
            follow_redirects=False,
            mounts={"http://": httpx2.HTTPTransport()},
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def run(self, exchange: Exchange[T]) -> T:
        """Drive a flow to its result.

        Raises:
            HttpFailure: where an answer does not come or cannot be used; and what the flow raises.
        """
        try:
            request = next(exchange)
            while True:
                try:
                    answer = self.send(request)
                except Unreachable as error:
                    request = exchange.throw(error)
                else:
                    request = exchange.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def send(self, request: Request) -> Answer:
        """Send one request."""
        import httpx2

        if request.after:
            time.sleep(request.after)
        try:
            with self._client.stream(
                request.method,
                demand_safe(request.url),
                content=request.content,
                headers=request.headers,
                auth=None,
                **_patience(request),
            ) as answer:
                return _answer_of(request, answer, _joined(request, answer.iter_bytes()))
        except (ValueError, httpx2.InvalidURL) as error:
            raise BadAnswer(str(error)) from None
        except httpx2.HTTPError as error:
            raise _unreachable(request, error) from None


class AsyncSender:
    """Sends requests in an event loop; it belongs to that one."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        import httpx2

        self._client = httpx2.AsyncClient(
            timeout=timeout,
            headers=HEADERS,
            cookies=no_cookies(),
            follow_redirects=False,
            mounts={"http://": httpx2.AsyncHTTPTransport()},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def run(self, exchange: Exchange[T]) -> T:
        """Drive a flow to its result. Raises as :meth:`BlockingSender.run`."""
        return await drive(exchange, self.send)

    async def send(self, request: Request) -> Answer:
        """Send one request."""
        import httpx2

        if request.after:
            await asyncio.sleep(request.after)
        try:
            async with self._client.stream(
                request.method,
                demand_safe(request.url),
                content=request.content,
                headers=request.headers,
                auth=None,
                **_patience(request),
            ) as answer:
                return await read_answer(request, answer)
        except (ValueError, httpx2.InvalidURL) as error:
            raise BadAnswer(str(error)) from None
        except httpx2.HTTPError as error:
            raise _unreachable(request, error) from None


async def drive(exchange: Exchange[T], send: Callable[[Request], Awaitable[Answer]]) -> T:
    """Drive a flow to its result by whoever sends. Raises as :meth:`BlockingSender.run`."""
    try:
        request = next(exchange)
        while True:
            try:
                answer = await send(request)
            except Unreachable as error:
                request = exchange.throw(error)
            else:
                request = exchange.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def read_answer(request: Request, answer: "httpx2.Response") -> Answer:
    """Read an answer whole, as long as it may be.

    Raises:
        BadAnswer: it is longer.
        Unreachable: it does not end in time.
    """
    return _answer_of(request, answer, await _joined_async(request, answer.aiter_bytes()))


def _patience(request: Request) -> dict[str, Any]:
    return {} if request.timeout is None else {"timeout": request.timeout}


def _joined(request: Request, chunks: Iterable[bytes]) -> bytes:
    body, until = bytearray(), time.monotonic() + WHOLE
    for chunk in chunks:
        body += chunk
        _demand_short(request, body, until)
    return bytes(body)


async def _joined_async(request: Request, chunks: AsyncIterable[bytes]) -> bytes:
    body, until = bytearray(), time.monotonic() + WHOLE
    async for chunk in chunks:
        body += chunk
        _demand_short(request, body, until)
    return bytes(body)


def _demand_short(request: Request, body: bytearray, until: float) -> None:
    if request.message is None and time.monotonic() > until:
        raise Unreachable(f"{request.url}: the answer did not end within {WHOLE:.0f} seconds")
    if len(body) > request.most:
        raise BadAnswer(f"{request.url} answered with more than {request.most} bytes")


def _answer_of(request: Request, answer: "httpx2.Response", body: bytes) -> Answer:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(
        request.url,
        answer.status_code,
        media_type,
        body,
        answer.headers.get("www-authenticate", ""),
        answer.headers.get("dpop-nonce", ""),
    )


def _unreachable(request: Request, error: "httpx2.HTTPError") -> Unreachable:
    return Unreachable(f"{request.url}: {type(error).__name__}: {error}")
