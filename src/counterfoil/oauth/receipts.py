"""The words of receipts: who follows the notices, and how far a guard says that it holds them.

The notice number of an ending is its receipt. Here are the two headers that go with it, and what
a guard and the issuer say to each other so that somebody can wait for it.
"""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from counterfoil.oauth.feed import Position, position_from

NOTICE: Final = "Counterfoil-Notice"
"""The header of an answer to an ending: its receipt, ``epoch:number``."""
AT_LEAST: Final = "Counterfoil-At-Least"
"""The header of a request that must not be decided on less than this receipt."""
INTRODUCTION: Final = "Counterfoil-Guard"
"""The header by which a guard introduces itself to the feed (an item of RFC 9651 §3.3)."""

_LONGEST: Final = 999_999_999.999
"""Seconds: whoever has more patience says that it has this much."""

Then = Literal["reject", "accept", "introspect"]
_THEN: Final[tuple[Then, ...]] = ("reject", "accept", "introspect")
_INTRODUCTION: Final = re.compile(
    rf"({'|'.join(_THEN)});tolerance=([0-9]{{1,9}}(?:\.[0-9]{{1,3}})?)"
    r';name="([A-Za-z0-9_-]{16,64})"'
)


class Introduction(Struct, frozen=True):
    """What a guard does once it has heard nothing for ``tolerance`` seconds.

    ``name`` is drawn at random by each guard when it starts, and stays the same however often its
    line breaks: by that it is known again.
    """

    then: Then
    tolerance: float
    name: str

    def __str__(self) -> str:
        tolerance = min(self.tolerance, _LONGEST)
        return f'{self.then};tolerance={tolerance:.3f};name="{self.name}"'


def introduction_from(text: str) -> Introduction | None:
    """Read the header of a guard; ``None`` where it is none."""
    match = _INTRODUCTION.fullmatch(text)
    if match is None:
        return None
    then = next(word for word in _THEN if word == match[1])
    return Introduction(then, float(match[2]), match[3])


class Welcome(Struct, frozen=True):
    """What the issuer answers to an introduction, before all else.

    ``follower`` names this one line, and whoever knows it may acknowledge for it. ``known_as`` is
    the client that its credentials proved; empty where they proved none.
    """

    follower: str
    known_as: str = ""


class Acknowledgement(Struct, frozen=True, forbid_unknown_fields=True):
    """What a guard sends when it was asked: all notices up to ``position`` count here.

    ``leaves``: it stops, and decides about no token any more. So it need not be missed.
    """

    follower: Annotated[str, Meta(max_length=300)]
    position: Annotated[str, Meta(max_length=100)]
    leaves: bool = False


def at_least_from(values: tuple[str, ...]) -> Position | None:
    """Read the header ``Counterfoil-At-Least``; ``None`` where it is not given.

    Raises:
        ValueError: it is given twice, or is no receipt.
    """
    if not values:
        return None
    position = position_from(values[0]) if len(values) == 1 else None
    if position is None:
        raise ValueError("it is not one receipt, epoch:number")
    return position
