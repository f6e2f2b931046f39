"""The HTTP that the guard speaks: bounded, impatient, without redirects, https or loopback only.

httpx2 is loaded with the first client, so that whoever only imports a guard does not wait for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from counterfoil.jose import strict_json
from counterfoil.jose.errors import JoseError
from counterfoil.net.event_stream import Event, EventParser, TooLong

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

    import httpx2

MAX_BODY_BYTES: Final = 1024 * 1024
TIMEOUT: Final = 5.0
"""Seconds to connect, and between two pieces of an answer."""

_JSON_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})


class HttpFailure(Exception):
    """A request brought nothing that can be used. The text says what, and at which address."""


class Unreachable(HttpFailure):
    """No answer came, or it broke off."""


class BadAnswer(HttpFailure):
    """An answer came, but not the one that was promised. ``status`` is 0 where it was not that."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


def is_loopback(host: str) -> bool:
    """Whether this host is this machine: ``localhost``, 127.0.0.0/8 or ::1 (RFC 8252 §8.3)."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def demand_safe(url: str) -> str:
    """Give the address back if it may be called: https, or plain http to this machine alone.

    Raises:
        ValueError: where it may not, or is no address.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ValueError(f"{url!r} is not a URL") from None
    if not host or parts.username is not None or parts.fragment:
        raise ValueError(f"{url!r} is not an address that can be called")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(f"{url!r} must begin with https:// (http:// is for loopback alone)")
    return url


def no_cookies() -> CookieJar:
    """Give a jar that takes no cookie and gives none.

    One connection serves many people: a cookie set at the call of one would go with the next.
    """
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


class HttpClient:
    """Asks for small documents and follows event streams. It belongs to one event loop."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        import httpx2

        certificates = httpx2.create_ssl_context()  # loading them is dear, so it is done once
        # Plain http goes to this machine alone, so never through a proxy of the environment.
        direct = httpx2.AsyncHTTPTransport(verify=certificates)
        self._client = httpx2.AsyncClient(
            verify=certificates,
            timeout=timeout,
            cookies=no_cookies(),
            follow_redirects=False,
            mounts={"http://": direct},
            headers={"Accept-Encoding": "identity", "User-Agent": "counterfoil"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def get_json(self, url: str) -> dict[str, object]:
        """Get a JSON object.

        Raises:
            Unreachable: where no whole answer came.
            BadAnswer: where it is not status 200, not JSON, no object, or too long.
        """
        async with self._answer("GET", url, {"Accept": "application/json"}) as answer:
            _demand(answer, _JSON_TYPES)
            return _json_in(await _body(answer, MAX_BODY_BYTES), url)

    async def get_dated_json(self, url: str) -> tuple[dict[str, object], float | None]:
        """Get a JSON object, and when the server says that it is (RFC 9110 §6.6.1), if it does.

        Raises as :meth:`get_json`.
        """
        async with self._answer("GET", url, {"Accept": "application/json"}) as answer:
            _demand(answer, _JSON_TYPES)
            body = await _body(answer, MAX_BODY_BYTES)
            return _json_in(body, url), _date_of(answer.headers.get("date", ""))

    async def ask_json(
        self, url: str, document: bytes, basic: tuple[str, str]
    ) -> dict[str, object]:
        """Send JSON with Basic credentials; get a JSON object. Raises as :meth:`get_json`."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        async with self._answer("POST", url, headers, document, basic) as answer:
            _demand(answer, _JSON_TYPES)
            return _json_in(await _body(answer, MAX_BODY_BYTES), url)

    @asynccontextmanager
    async def pieces(self, url: str, media_type: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Get a long document piece by piece, as it stands now and not as it was cached.

        How long it may be is the caller's affair: it leaves when it has had enough. Raises as
        :meth:`get_json`.
        """
        headers = {"Accept": media_type, "Cache-Control": "no-cache"}
        async with self._answer("GET", url, headers) as answer:
            _demand(answer, frozenset({media_type}))
            yield answer.aiter_bytes()

    async def post_form(
        self, url: str, form: Mapping[str, str], basic: tuple[str, str]
    ) -> dict[str, object]:
        """Send a form with Basic credentials; get a JSON object. Raises as :meth:`get_json`."""
        headers = {"Accept": "application/json"}
        async with self._answer("POST", url, headers, dict(form), basic) as answer:
            _demand(answer, _JSON_TYPES)
            return _json_in(await _body(answer, MAX_BODY_BYTES), url)

    async def post_json(self, url: str, document: bytes) -> None:
        """Send a JSON document; nothing is answered (204). Raises as :meth:`get_json`.

        ``Unreachable`` also where it cannot be taken at present (503).
        """
        headers = {"Content-Type": "application/json"}
        async with self._answer("POST", url, headers, document) as answer:
            if answer.status_code == 503:
                raise Unreachable(f"{answer.url} answered 503")
            if answer.status_code != 204:
                raise BadAnswer(f"{answer.url} answered {answer.status_code}, not 204")

    @asynccontextmanager
    async def events(
        self, url: str, headers: Mapping[str, str], basic: tuple[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Follow an event stream; ``headers`` say from where, and who asks.

        ``basic``: the credentials to send, if any.

        The iterator ends where the server ends the stream. Raises as :meth:`get_json`.
        """
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache", **headers}
        async with self._answer("GET", url, headers, basic=basic) as answer:
            _demand(answer, frozenset({"text/event-stream"}))
            yield _events_in(answer)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: dict[str, str] | bytes | None = None,
        basic: tuple[str, str] | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        import httpx2

        try:
            demand_safe(url)
            sent = {"content": body} if isinstance(body, bytes) else {"data": body}
            # httpx2 takes "no credentials" from auth=None, and would look for none by itself.
            async with self._client.stream(
                method, url, headers=headers, auth=basic, **sent
            ) as answer:
                yield answer
        except (ValueError, httpx2.InvalidURL) as error:
            raise BadAnswer(str(error)) from None
        except httpx2.HTTPError as error:
            raise Unreachable(f"{url}: {type(error).__name__}: {error}") from None


def _demand(answer: httpx2.Response, media_types: frozenset[str]) -> None:
    if answer.status_code != 200:
        raise BadAnswer(f"{answer.url} answered {answer.status_code}, not 200", answer.status_code)
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types:
        raise BadAnswer(f"{answer.url} answered with the media type {media_type!r}")


def _date_of(date: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return None


async def _body(answer: httpx2.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise BadAnswer(f"{answer.url} answered with more than {max_bytes} bytes")
    return bytes(body)


def _json_in(body: bytes, url: str) -> dict[str, object]:
    try:
        return strict_json.decode_object(body)
    except JoseError as error:
        raise BadAnswer(f"{url}: {error}") from None


async def _events_in(answer: httpx2.Response) -> AsyncIterator[Event]:
    parser = EventParser()
    async for chunk in answer.aiter_bytes():
        try:
            events = parser.feed(chunk)
        except TooLong as error:
            raise BadAnswer(f"{answer.url}: {error}") from None
        for each in events:
            yield each
