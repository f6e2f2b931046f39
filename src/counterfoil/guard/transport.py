"""By which way, and at which URL, a request came (RFC 6750 §5.3, RFC 9110 §7.1, S94). Pure."""

import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from counterfoil.guard.given import demand_several
from counterfoil.guard.request import Request
from counterfoil.net.forwarded import address_behind, is_within
from counterfoil.net.http import is_loopback

_HTTP: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""A WebSocket begins as a request of HTTP (RFC 6455 §4.1)."""
_REMEMBERED: Final = 1024
"""Addresses of which it is known whether they are a proxy's; reading one takes microseconds."""
_FORWARDED_FOR: Final = b"x-forwarded-for"
_FORWARDED = frozenset({b"forwarded", _FORWARDED_FOR, b"x-forwarded-proto"})
_TOKEN_NAMED: Final = re.compile(
    rb"(?:\A|&)%s(?:[=&]|\Z)"
    % b"".join(b"(?:%c|%%(?i:%02x))" % (each, each) for each in b"access_token")
)
"""The parameter of RFC 6750 §2.3, each character as it is or escaped."""


class Transport:
    """Judges requests. ``proxies`` are the addresses or networks that are believed.

    Raises:
        ValueError: where one is neither address nor network.
    """

    def __init__(self, proxies: Sequence[str]) -> None:
        demand_several(proxies, "the proxies")
        self._proxies = tuple(ip_network(proxy) for proxy in proxies)
        self._are_proxies: dict[str, bool] = {}

    def is_safe(self, request: Request) -> bool:
        """Whether it is https, said to be https by a named proxy, or never left this machine."""
        if request.scheme in ("https", "wss"):
            return True
        if not request.peer:
            return False
        forwarded = [(name, value) for name, value in request.headers if name in _FORWARDED]
        if not forwarded:
            return is_loopback(request.peer)
        return self.is_proxy(request.peer) and _says_https(forwarded)

    def url_of(self, request: Request, public_url: str = "") -> str:
        """Give the URL of this request as its client sees it, without the query (RFC 9110 §7.1).

        ``public_url`` is where clients reach what the app calls ``/``. Without it, scheme and host
        are those of the request itself, or what a named proxy says of them. Empty where they are
        not clear, or where the path would run on from the host or from ``public_url``.
        """
        if request.path[:1] not in ("", "/"):
            return ""
        if public_url:
            return public_url.rstrip("/") + request.path
        scheme = _HTTP.get(request.scheme, "")
        hosts = [value for name, value in request.headers if name == b"host"]
        if request.peer and self.is_proxy(request.peer):
            forwarded = [(name, value) for name, value in request.headers if name in _FORWARDED]
            scheme = "https" if forwarded and _says_https(forwarded) else scheme
            hosts = _said(request.headers, b"x-forwarded-host", b"host=") or hosts
        if not scheme or len(set(hosts)) != 1:
            return ""
        return f"{scheme}://{hosts[0].decode('latin-1')}{request.path}"

    def place_of(self, request: Request) -> str:
        """Say from which address a request comes; forwarded ones count from named proxies alone."""
        if not request.peer:
            return ""
        return address_behind(request.peer, request.values(_FORWARDED_FOR), self.is_proxy)

    def is_proxy(self, host: str) -> bool:
        """Whether this address is that of a named proxy, whose headers are believed."""
        known = self._are_proxies.get(host)
        if known is None:
            if len(self._are_proxies) >= _REMEMBERED:
                self._are_proxies = {}
            known = self._are_proxies[host] = is_within(host, self._proxies)
        return known


def _says_https(forwarded: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the nearest proxy, which writes last, says https; all that speak must agree."""
    said = _said(forwarded, b"x-forwarded-proto", b"proto=")
    return bool(said) and all(proto in (b"https", b"wss") for proto in said)


def _said(headers: Sequence[tuple[bytes, bytes]], header: bytes, member: bytes) -> list[bytes]:
    """What the nearest proxy says in a header of its own, and in ``Forwarded`` (RFC 7239 §4)."""
    said = []
    for name, value in headers:
        last = value.rpartition(b",")[2].strip().lower()
        if name == header:
            said.append(last)
        elif name == b"forwarded":
            said += [
                each.strip()[len(member) :].strip(b'"')
                for each in last.split(b";")
                if each.strip().startswith(member)
            ]
    return said


def has_token_in_query(query: bytes) -> bool:
    """Whether the URL carries a token, where logs and caches would see it (RFC 9700 §4.3.2)."""
    if b"=" not in query or not (b"access_token" in query or b"%" in query):
        return False
    # It is looked for and nothing is taken apart: strangers send what they like.
    return _TOKEN_NAMED.search(query) is not None
