"""Whose request it is that comes through proxies: ``X-Forwarded-For``, so far as it is believed."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network

from counterfoil.oauth.addresses import address_in, place_of


def address_behind(peer: str, forwarded: Iterable[str], is_trusted: Callable[[str], bool]) -> str:
    """Give the address that a request comes from.

    Each proxy adds, at the end, whom it was called by. So the last one that is not itself a
    trusted proxy is the client; what stands before it anyone may have written. Some add a port:
    it is left out.

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
        said = place_of(_without_port(hop))
        if not said:
            break
        address = said
        if not is_trusted(said):
            break
    return address


def is_within(host: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether this is an address in one of these networks, IPv4 in the clothes of IPv6 too."""
    address = address_in(host)
    return address is not None and any(address in network for network in networks)


def _without_port(hop: str) -> str:
    """Give the host of ``192.0.2.7:443``, ``[2001:db8::7]:443`` and what has no port."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, _, port = hop.partition(":")
    return hop if ":" in port else host
