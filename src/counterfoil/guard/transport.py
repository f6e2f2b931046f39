"""By which way, and at which URL, a request came (RFC 6750 §5.3, RFC 9110 §7.1, S94). Pure."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Final
from urllib.parse import parse_qsl, quote

from counterfoil.net.forwarded import address_behind, is_within
from counterfoil.net.http import is_loopback

_HTTP: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""A WebSocket begins as a request of HTTP (RFC 6455 §4.1)."""
_IN_PATHS: Final = "/-._~!$&'()*+,;=:@"
_FORWARDED_FOR: Final = b"x-forwarded-for"
_FORWARDED = frozenset({b"forwarded", _FORWARDED_FOR, b"x-forwarded-proto"})


class Transport:
    """Judges ASGI connections. ``proxies`` are the addresses or networks that are believed.

    Raises:
        ValueError: where one is neither address nor network.
    """

    def __init__(self, proxies: Sequence[str]) -> None:
        self._proxies = tuple(ip_network(proxy) for proxy in proxies)

    def is_safe(self, scope: Mapping[str, object], headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether it is https, said to be https by a named proxy, or never left this machine."""
        if scope.get("scheme") in ("https", "wss"):
            return True
        client = scope.get("client")
        if not isinstance(client, (tuple, list)) or not client:
            return False
        host = str(client[0])
        forwarded = [(name, value) for name, value in headers if name in _FORWARDED]
        if not forwarded:
            return is_loopback(host)
        return self._is_proxy(host) and _says_https(forwarded)

    def url_of(
        self,
        scope: Mapping[str, object],
        headers: Sequence[tuple[bytes, bytes]],
        public_url: str = "",
    ) -> str:
        """Give the URL of this request as its client sees it, without the query (RFC 9110 §7.1).

        ``public_url`` is where clients reach what the app calls ``/``. Without it, scheme and host
        are those of the request itself, or what a named proxy says of them. Empty where they are
        not clear.
        """
        path = _path_of(scope)
        if public_url:
            return public_url.rstrip("/") + path
        scheme = _HTTP.get(str(scope.get("scheme")), "")
        hosts = [value for name, value in headers if name == b"host"]
        client = scope.get("client")
        if isinstance(client, (tuple, list)) and client and self._is_proxy(str(client[0])):
            forwarded = [(name, value) for name, value in headers if name in _FORWARDED]
            scheme = "https" if forwarded and _says_https(forwarded) else scheme
            hosts = _said(headers, b"x-forwarded-host", b"host=") or hosts
        if not scheme or len(set(hosts)) != 1:
            return ""
        return f"{scheme}://{hosts[0].decode('latin-1')}{path}"

    def place_of(self, scope: Mapping[str, object], headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Say from which address a request comes; forwarded ones count from named proxies alone."""
        client = scope.get("client")
        if not isinstance(client, (tuple, list)) or not client:
            return ""
        forwarded = [value.decode("latin-1") for name, value in headers if name == _FORWARDED_FOR]
        return address_behind(str(client[0]), forwarded, self._is_proxy)

    def _is_proxy(self, host: str) -> bool:
        return is_within(host, self._proxies)


def _path_of(scope: Mapping[str, object]) -> str:
    raw = scope.get("raw_path")
    if isinstance(raw, bytes):
        return raw.partition(b"?")[0].decode("latin-1")
    return quote(str(scope.get("path", "")), safe=_IN_PATHS)


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
    if b"=" not in query:
        return False
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return "access_token" in [name for name, _ in pairs]
