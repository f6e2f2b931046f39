"""Personal access tokens on the wire: what an issuer says of one, and for how long that counts.

They are opaque, so they are asked about (RFC 7662); then the answer is kept, and notices end it.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypeAlias

from counterfoil.oauth.addresses import address_in

CLIENT_ID: Final = "urn:counterfoil:personal"
"""The ``client_id`` of every personal token. No client is registered by it: none has a colon."""
KNOWN_TYPE: Final = "personal-token"
"""The word by which whoever introspects says that it enforces ``networks``."""
CLIENT_ADDRESS: Final = "client_address"
"""The parameter by which a guard says from where it was shown the token."""
KEPT_SECONDS: Final = 300
"""A guard goes by an answer for no longer, whatever the notices say."""
NOTICE_SECONDS: Final = 3600
"""So long the notice of an ending stands: by then nobody goes by an answer from before."""
MOST_NETWORKS: Final = 20

Network: TypeAlias = IPv4Network | IPv6Network


def network_in(text: str) -> Network:
    """Read an address or a network, such as ``192.0.2.0/24`` or ``2001:db8::/32``.

    Raises:
        ValueError: where it is none, has bits set after its prefix, or is IPv4 in the clothes of
            IPv6, as which no address is compared.
    """
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"{text} has to be written as IPv4")
    return network


def networks_in(claim: object) -> tuple[Network, ...]:
    """Read the member ``networks`` of an answer; nothing said is no limit.

    Raises:
        ValueError: where it is no list of networks: what cannot be read must not be overlooked.
    """
    if claim is None:
        return ()
    if not isinstance(claim, list | tuple) or not claim:
        raise ValueError("networks is a list with one network at least")
    return tuple(network_in(str(each)) for each in claim)


def is_from(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; one that is not known is in none."""
    read = address_in(address)
    return read is not None and any(read in network for network in networks)
