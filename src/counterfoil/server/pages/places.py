"""Where somebody was, as people are told it: here alone an address is put into words (S06)."""

from counterfoil.server.records.session import Origin
from counterfoil.server.web.server import Server


def place_of(server: Server, origin: Origin) -> str:
    """Name the place that a request came from; nothing where that is not known."""
    return server.authority.atlas.describe(origin.address)
