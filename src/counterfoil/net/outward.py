"""Requests to addresses that somebody else has named: never into a network that is not theirs.

The name is resolved first, and the connection goes to the very address that was judged, so that a
name that leads elsewhere a moment later leads nowhere. No redirect is followed. httpx2 is loaded
with the first request.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from counterfoil.net.exchange import HEADERS, Answer, Request, read_answer
from counterfoil.net.http import BadAnswer, Unreachable, demand_safe, no_cookies

if TYPE_CHECKING:
    import httpx2

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

WHOLE: Final = 5.0
"""Seconds for a request, from the name to the end of the answer."""
_TO_CONNECT: Final = 2.0
"""Seconds for one address, so that there is time for the next."""
LOOPBACK: Final[tuple[Network, ...]] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_MOST_TRIED: Final = 4
_NAT64: Final = ip_network("64:ff9b::/96")


class NotOutside(BadAnswer):
    """The address leads into a network that may not be called."""


def may_be_called(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether an address is of the public Internet, or in a network that was allowed.

    So must be every IPv4 address that hides in one of IPv6.
    """
    networks = tuple(allowed)
    return all(
        any(each in network for network in networks) or (each.is_global and not each.is_multicast)
        for each in (address, *_hidden_in(address))
    )


def _hidden_in(address: Address) -> Iterator[IPv4Address]:
    if isinstance(address, IPv4Address):
        return
    for hidden in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
        if hidden is not None:
            yield hidden
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)


class OutwardClient:
    """Asks and posts to others. It belongs to one event loop.

    ``allowed``: networks that may be called although they are not of the public Internet.
    No proxy of the environment is asked: it would resolve the name by itself.
    """

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    @classmethod
    def named(cls, networks: Iterable[str], *, here: bool) -> Self:
        """Allow networks as they are written; and, ``here``, this machine."""
        return cls((*map(ip_network, networks), *(LOOPBACK if here else ())))

    @cached_property
    def _client(self) -> httpx2.AsyncClient:
        import httpx2

        return httpx2.AsyncClient(
            verify=httpx2.create_ssl_context(),
            timeout=httpx2.Timeout(WHOLE, connect=_TO_CONNECT),
            cookies=no_cookies(),
            follow_redirects=False,
            trust_env=False,
            # A kept connection is known by its address, and was made safe for another name.
            limits=httpx2.Limits(max_keepalive_connections=0),
            headers=HEADERS,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        if "_client" in self.__dict__:
            await self._client.aclose()

    async def post_form(self, url: str, form: Mapping[str, str]) -> int:
        """Send a form; gives the status of the answer, whose body is not read. Raises as `send`."""
        async with self._answer(Request(url, form)) as answer:
            return answer.status_code

    async def send(self, request: Request) -> Answer:
        """Send a request.

        Raises:
            NotOutside: the address may not be called.
            BadAnswer: it is none, or the answer is too long.
            Unreachable: no answer came in time.
        """
        async with self._answer(request) as answer:
            return await read_answer(request, answer)

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[httpx2.Response]:
        import httpx2

        url = request.url
        try:
            demand_safe(url)
            async with asyncio.timeout(WHOLE):
                answer = await self._reached(httpx2.URL(url), request)
                try:
                    yield answer
                finally:
                    await answer.aclose()
        except (ValueError, httpx2.InvalidURL) as error:
            raise BadAnswer(str(error)) from None
        except TimeoutError:
            raise Unreachable(f"{url}: no answer within {WHOLE:.0f} s") from None
        except (OSError, httpx2.HTTPError) as error:
            raise Unreachable(f"{url}: {type(error).__name__}: {error}") from None

    async def _reached(self, url: httpx2.URL, request: Request) -> httpx2.Response:
        import httpx2

        addresses = await self._addresses_of(url)
        for address in addresses[:-1]:
            try:
                return await self._sent_to(address, url, request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._sent_to(addresses[-1], url, request)

    async def _addresses_of(self, url: httpx2.URL) -> list[Address]:
        port = url.port or (443 if url.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        good = [each for each in addresses if may_be_called(each, self._allowed)]
        if not good:
            raise NotOutside(f"{url}: {addresses[0]} is in a network that may not be called")
        return good[:_MOST_TRIED]

    async def _sent_to(
        self, address: Address, url: httpx2.URL, request: Request
    ) -> httpx2.Response:
        asked = self._client.build_request(
            request.method,
            url.copy_with(host=str(address)),
            content=request.content,
            headers={**request.headers, "Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.host},
        )
        return await self._client.send(asked, stream=True, auth=None)
