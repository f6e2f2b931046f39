"""What the owner of an API decides about loading what belongs to the person behind a token."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from counterfoil.guard.token import Token

if TYPE_CHECKING:
    from counterfoil.guard.enrichment import Enrichment

Load: TypeAlias = Callable[[Token], object | Awaitable[object]]


class Enrich(Struct, frozen=True, kw_only=True):
    """How to load what belongs to the person, or the service, behind a token.

    ``load`` takes the `Token`, and gives what then stands in its ``data``. It may be a coroutine
    function where the app runs in an event loop. What it gives must depend on whose token it is,
    not on what this one token permits: later tokens of the family share it. ``ttl``: seconds for
    which it is good; ``most``: how many are kept.

    Raises:
        ValueError: where that is no time, or no number.
    """

    load: Load
    ttl: float = 60.0
    most: int = 10_000

    def __post_init__(self) -> None:
        if self.ttl <= 0 or self.most < 1:
            raise ValueError("what is loaded is kept for more than 0 seconds, and for 1 at least")

    def begun(self, clock: Callable[[], float]) -> "Enrichment":
        """Give what loads and keeps for one guard; ``clock`` gives seconds since the epoch."""
        from counterfoil.guard.enrichment import Enrichment

        return Enrichment(self, clock)
