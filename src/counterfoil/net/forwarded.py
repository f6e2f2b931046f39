"""Whose request it is that comes through proxies: ``X-Forwarded-For``, so far as it is believed."""

from collections.abc import Callable, Iterable
from ipaddress import ip_address


def address_behind(peer: str, forwarded: Iterable[str], is_trusted: Callable[[str], bool]) -> str:
    """Give the address that a request comes from.

    Each proxy adds, at the end, whom it was called by. So the last one that is not itself a
    trusted proxy is the client; what stands before it anyone may have written.

    Args:
        peer: who has connected.
        forwarded: the values of ``X-Forwarded-For``, in order.
        is_trusted: whether an address is that of a trusted proxy.
    """
    address = peer
    hops = [hop.strip() for hop in ",".join(forwarded).split(",") if hop.strip()]
    if not hops or not is_trusted(peer):
        return address
    for hop in reversed(hops):
        if not _is_address(hop):
            break
        address = hop
        if not is_trusted(hop):
            break
    return address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
