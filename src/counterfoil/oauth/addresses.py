"""Addresses of the internet: their usual spelling, and what of them counts as one place. Pure."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

_IPV4_NETWORK: Final = 24
_IPV6_NETWORK: Final = 48


def address_in(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address; ``None`` where it is none.

    IPv4 in the clothes of IPv6 is IPv4; the zone of an IPv6 address is left out.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def place_of(text: str) -> str:
    """Give the usual spelling of an address; empty where it is none."""
    address = address_in(text)
    return "" if address is None else str(address)


def network_of(place: str) -> str:
    """Give the network that counts as one place: a /24 of IPv4, a /48 of IPv6.

    What is no address is a place of its own.
    """
    address = address_in(place)
    if address is None:
        return place
    length = _IPV4_NETWORK if isinstance(address, IPv4Address) else _IPV6_NETWORK
    within = address.max_prefixlen - length
    return f"{type(address)(int(address) >> within << within)}/{length}"
