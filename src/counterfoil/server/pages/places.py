"""Where somebody was, as people are told it: here alone an address is put into words (S06)."""

from counterfoil.server.records.session import Origin
from counterfoil.server.web.server import Server


def place_of(server: Server, origin: Origin) -> str:
    """Name the place that a request came from; nothing where that is not known.

    A place is a guess, so the address stands beside it.
    """
    name = server.authority.atlas.find(origin.address).name
    return f"{name} ({origin.address})" if name else origin.address
