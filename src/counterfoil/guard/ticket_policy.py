"""What the owner of an API decides about tickets."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from counterfoil.oauth.ticket import KEY_BYTES

LONGEST: Final = 3600


class Tickets(Struct, frozen=True, kw_only=True):
    """That this API gives and takes tickets; ``Options(tickets=...)`` (S73).

    ``keys``: shared by all guards of the API; the first signs, all are accepted, so that a new one
    is first added behind, then moved to the front, and the old one is taken away ``lifetime``
    seconds later. Each has 32 random bytes at least. ``lifetime``: seconds, an hour at most.
    ``remembered``: how many tickets that are good once are kept in memory, a tenth of them
    for one user. ``by_issuer``: tickets that the issuer has signed are taken too; then no key is
    needed, and without one none are given.

    Raises:
        ValueError: where this cannot work.
    """

    keys: tuple[bytes, ...] = ()
    lifetime: int = 300
    remembered: int = 100_000
    by_issuer: bool = False

    def __post_init__(self) -> None:
        given: object = self.keys
        if not isinstance(given, tuple) or not all(isinstance(key, bytes) for key in given):
            raise ValueError("the keys for tickets are a tuple of bytes: keys=(key,)")
        is_usable = self.by_issuer or self.keys
        if not is_usable or any(len(key) < KEY_BYTES for key in self.keys):
            raise ValueError(f"tickets need a key, and each has {KEY_BYTES} bytes at least")
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("a key for tickets is named twice")
        if not 1 <= self.lifetime <= LONGEST:
            raise ValueError(f"a ticket lives from 1 to {LONGEST} seconds")
        if self.remembered < 1:
            raise ValueError("a guard must remember one used ticket at least")

    @property
    def remembered_of_one(self) -> int:
        """How many of one user's are kept, so that nobody fills the memory for all."""
        return max(1, self.remembered // 10)

    def __repr__(self) -> str:
        return f"Tickets(lifetime={self.lifetime}, …)"

    def demand_endings(self, ways: Iterable[str], *, registry: bool = False) -> None:
        """Demand that the guard hears of endings by itself: nobody can be asked about a ticket.

        Nor is one written down: where there is a registry, a signature alone is not enough.

        Raises:
            ValueError: where it does not.
        """
        others = set(ways) - {"feed", "none"}
        if others:
            raise ValueError(
                f"tickets need the feed of notices, and not revocation={min(others)!r}"
            )
        if self.by_issuer and registry:
            raise ValueError("by_issuer=True does not go with a registry: no ticket stands there")
