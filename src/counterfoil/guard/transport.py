"""Whether a request came by a way on which a bearer token may travel (RFC 6750 §5.3, S94). Pure."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import parse_qsl

from counterfoil.net.http import is_loopback

_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-proto"})


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

    def _is_proxy(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


def _says_https(forwarded: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the nearest proxy, which writes last, says https; all that speak must agree."""
    said = []
    for name, value in forwarded:
        last = value.rpartition(b",")[2].strip().lower()
        if name == b"x-forwarded-proto":
            said.append(last)
        elif name == b"forwarded":
            said += [
                each.strip()[len(b"proto=") :].strip(b'"')
                for each in last.split(b";")
                if each.strip().startswith(b"proto=")
            ]
    return bool(said) and all(proto in (b"https", b"wss") for proto in said)


def has_token_in_query(query: bytes) -> bool:
    """Whether the URL carries a token, where logs and caches would see it (RFC 9700 §4.3.2)."""
    if b"=" not in query:
        return False
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    return b"access_token" in names
