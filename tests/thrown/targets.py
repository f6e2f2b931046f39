"""Everything that is thrown at the guard: the first byte says what, the rest what it looks like."""

from tests.thrown import feeds, requests, tokens
from tests.thrown.pieces import Pieces

SEEDS = tokens.SEEDS | requests.SEEDS | feeds.SEEDS
TARGETS = tuple(SEEDS)


def throw(data: bytes) -> None:
    """Raises where the guard does anything but refuse, or lets pass what is not genuine."""
    pieces = Pieces(data)
    pieces.one_of(TARGETS)(pieces)


def seeds() -> list[bytes]:
    return [bytes([number]) + seed for number, each in enumerate(TARGETS) for seed in SEEDS[each]]
