"""Tokens for calls that are made with httpx2: attached, and once more where that mends it.

Imported only by whoever asks for it, for httpx2 takes its time to load.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import Generic, Protocol, TypeVar

import httpx2

T_contra = TypeVar("T_contra", contravariant=True)
T = TypeVar("T")


class Calling(Protocol[T_contra]):
    """One call, as it goes: see `counterfoil.client.call`."""

    @property
    def refused(self) -> str:
        """The access token that was refused already."""

    def headers(self, tokens: T_contra, method: str) -> dict[str, str]:
        """Write the headers of the next try."""

    def heard(self, url: str, status: int, headers: Mapping[str, str]) -> bool:
        """Heed an answer; whether to try once more."""


class Calls(Protocol[T_contra]):
    """Where calls begin."""

    def call(self, url: str, *, may_repeat: bool) -> Calling[T_contra]:
        """Begin one; raises ``ValueError`` for an address that the token is not for."""


class BlockingAuth(httpx2.Auth, Generic[T]):
    """For ``httpx2.Client(auth=...)``. ``tokens`` gives others than those refused."""

    def __init__(self, calls: Calls[T], tokens: Callable[[str], T]) -> None:
        self._calls = calls
        self._tokens = tokens

    def sync_auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Attach the token; once more after a refusal that fresh tokens or a nonce may mend."""
        call = self._calls.call(str(request.url), may_repeat=_is_repeatable(request))
        while True:
            tokens = self._tokens(call.refused)
            request.headers.update(call.headers(tokens, request.method))
            response = yield request
            if not call.heard(str(response.url), response.status_code, response.headers):
                return

    def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Say that this is the blocking one."""
        raise TypeError("an httpx2.AsyncClient takes the auth of a holder of AsyncClient")


class AsyncAuth(httpx2.Auth, Generic[T]):
    """For ``httpx2.AsyncClient(auth=...)``."""

    def __init__(self, calls: Calls[T], tokens: Callable[[str], Awaitable[T]]) -> None:
        self._calls = calls
        self._tokens = tokens

    def sync_auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Say that this is the async one."""
        raise TypeError("an httpx2.Client takes the auth of a holder of Client")

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Attach the token; once more after a refusal that fresh tokens or a nonce may mend."""
        call = self._calls.call(str(request.url), may_repeat=_is_repeatable(request))
        while True:
            tokens = await self._tokens(call.refused)
            request.headers.update(call.headers(tokens, request.method))
            response = yield request
            if not call.heard(str(response.url), response.status_code, response.headers):
                return


def _is_repeatable(request: httpx2.Request) -> bool:
    """Whether the body is in memory, and not a stream that has been read."""
    return isinstance(request.stream, httpx2.ByteStream)
