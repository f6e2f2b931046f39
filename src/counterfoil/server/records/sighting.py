"""Where a token was seen, and whether that was in two places at once (S106).

A **stay** is the use of one token in one place without a pause of more than five minutes. Two
stays overlap unless one had ended, give or take ten seconds, before the other began: then somebody
has moved, as a phone does that leaves the Wi-Fi. A token whose stays overlap is in two places.

Addresses of one network are one place: a /24 of IPv4, a /48 of IPv6. An IPv4 address is never held
against an IPv6 one, for most computers have both and use them in turn.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.addresses import address_in, network_of

PAUSE: Final = 300
"""Seconds without use after which a stay is over, and another may begin."""
CHANGE: Final = 10
"""Seconds that a change of place may take, with what is still on its way, and clocks apart."""
MOST_PLACES: Final = 8
"""So many places of one token are kept; see ``least_of``. Nobody moves through more of them in
five minutes."""
KEPT: Final = 1_000
"""Seconds after its last use for which a stay can matter. A report is late by five minutes at most,
tells of as much, and may go on with what was a pause before that."""
MOST_OF_FAMILY: Final = 100
MOST_OF_CLIENT: Final = 1_000
"""So many stays are kept of one family, or of one client without a person, in all its tokens."""
MOST_TOLD: Final = 20
"""So many pairs of places are told of one family, or one client without a person, until the
tokens have expired: whoever reports nonsense must not fill the log."""


class Stay(Struct, frozen=True):
    """A token in one place: ``place`` is its last address there; times in seconds."""

    place: str
    first: int
    last: int
    count: int

    @property
    def network(self) -> str:
        """What counts as one place."""
        return network_of(self.place)

    def going_on(self, seen: "Stay") -> "Stay":
        """Give the stay with what else was seen in its place; after a pause it begins anew.

        What lies a pause before it is history, and changes nothing.
        """
        if seen.first > self.last + PAUSE:
            return seen
        if seen.last < self.first - PAUSE:
            return self
        place = seen.place if seen.last >= self.last else self.place
        first, last = min(self.first, seen.first), max(self.last, seen.last)
        return Stay(place, first, last, self.count + seen.count)

    def is_over(self, now: int) -> bool:
        """Whether it was not used for so long that another use begins another stay."""
        return self.last < now - PAUSE

    def overlaps(self, other: "Stay") -> bool:
        """Whether no single move explains both: neither was over when the other began."""
        if not _is_elsewhere(self.place, other.place):
            return False
        return self.last > other.first + CHANGE and other.last > self.first + CHANGE


def least_of(stays: Sequence[Stay], now: int) -> Stay:
    """Choose what makes room: a stay that is over, else the one in which least was seen.

    Not the oldest: the place of an owner who comes seldom would be the first to go.
    """
    return min(stays, key=lambda stay: (not stay.is_over(now), stay.count, stay.last))


def _is_elsewhere(place: str, other: str) -> bool:
    one, two = address_in(place), address_in(other)
    if one is None or two is None or one.version != two.version:
        return False
    return network_of(place) != network_of(other)


class SeenToken(Struct, frozen=True):
    """A token that was reported, with its stay in one place.

    ``family_id`` is empty without a person. The token matters no more at ``kept_until``.
    """

    jti: str
    client_id: str
    family_id: str
    kept_until: int
    stay: Stay

    @property
    def stay_kept_until(self) -> int:
        """When the stay matters no more: soon, for it holds an address."""
        return min(self.kept_until, self.stay.last + KEPT)

    @property
    def most(self) -> int:
        """How many stays may be kept of whom it belongs to."""
        return MOST_OF_FAMILY if self.family_id else MOST_OF_CLIENT


class Sightings(Protocol):
    """The promises of the store: stays and pairs are there while they matter, and leave then."""

    async def of_token(self, jti: str) -> list[Stay]:
        """The last stay of a token in each place, newest first."""

    async def keep(self, seen: SeenToken) -> None:
        """Keep a stay in the place of the last one in its network."""

    async def forget(self, jti: str, network: str) -> None:
        """Forget a token's stay in a network."""

    async def count(self, client_id: str, family_id: str) -> int:
        """How many stays are kept of a family, or of a client without a person."""

    async def tell(self, seen: SeenToken, other: Stay) -> bool:
        """Take a token's pair of places, to tell of it once; ``False`` where it was told of.

        One statement, so that only one of several succeeds.
        """

    async def count_told(self, client_id: str, family_id: str) -> int:
        """How many pairs of places were told of a family, or of a client without a person."""
