"""What a guard reads of a request, whatever framework it came through. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

OVERRIDES: Final = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
"""Headers by which some middlewares make another method of a request."""


class Request(Struct, frozen=True):
    """A request, or the handshake of a WebSocket (RFC 6455 §4.1), as the server received it.

    ``scheme`` is ``http``, ``https``, ``ws`` or ``wss``; ``peer`` the address of whoever has
    connected, empty where that is not known. ``path`` is percent-encoded, as it was sent, and
    begins with where the app is mounted. The names in ``headers`` are lower case, ASCII.
    """

    method: str
    scheme: str
    peer: str
    path: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]

    def values(self, header: bytes) -> tuple[str, ...]:
        """Give every value of a header, in order; ``header`` is lower case."""
        return tuple([value.decode("latin-1") for name, value in self.headers if name == header])

    @property
    def may_become_another(self) -> bool:
        """Whether a middleware behind the guard may make another method of it, by a header."""
        return not OVERRIDES.isdisjoint(dict(self.headers)) and any(
            value.strip().upper() != self.method
            for name in OVERRIDES
            for value in self.values(name)
        )

    def __repr__(self) -> str:
        return f"Request({self.method})"
