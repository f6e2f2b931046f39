"""Everything that one guard holds of one issuer. The follower writes it; checks only read."""

from collections.abc import Callable

from counterfoil.guard.counting import IssuerCounts
from counterfoil.guard.keys import IssuerKeys
from counterfoil.guard.notices import Notices
from counterfoil.guard.policy import Issuer, Staleness
from counterfoil.guard.registry import Registry
from counterfoil.guard.sightings import Sightings
from counterfoil.guard.status_lists import StatusLists
from counterfoil.guard.troubles import Troubles
from counterfoil.guard.uses import Uses
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.jwt import MAX_BYTES
from counterfoil.oauth.feed import HEAD_TYPE
from counterfoil.oauth.snapshot import SNAPSHOT_TYPE


class IssuerState:
    """An issuer with its keys and notices.

    ``skew``: by how many seconds the issuer's clock is ahead of ours, as its signed heads say, or
    the ``Date`` of its answers where it has no feed.

    The keys that sign heads and snapshots are a set of their own, so that they can never sign a
    token, nor a token's key a head.
    """

    def __init__(self, issuer: Issuer, staleness: Staleness) -> None:
        self.issuer = issuer
        self.keys = IssuerKeys(
            issuer.profile.accepted_types, issuer.algorithms, max_bytes=MAX_BYTES
        )
        self.feed_keys = IssuerKeys(
            (HEAD_TYPE, SNAPSHOT_TYPE), _of_the_feed(issuer), max_bytes=MAX_BYTES
        )
        self.notices = Notices(issuer.url)
        self.staleness = staleness
        self.introspection_endpoint = ""
        self.allowances_endpoint = ""
        self.registry: Registry | None = None
        self.sightings: Sightings | None = None
        self.uses: Uses | None = None
        self.troubles = Troubles(issuer.url)
        self.counts = IssuerCounts()
        self.skew: float | None = None
        self.status_lists = StatusLists(issuer) if issuer.revocation == "status_list" else None
        if issuer.revocation in ("none", "status_list"):
            self.notices.fresh_at = float("inf")
        elif issuer.revocation == "introspect":
            self.staleness = Staleness.introspect()
        self.tolerance = self.staleness.tolerance

    def begin(self, audience: str, clock: Callable[[], float]) -> None:
        """Begin to hold what there is for one API; ``clock`` gives seconds since the epoch."""
        self.registry = Registry(audience) if self.issuer.registry else None
        self.sightings = Sightings(audience, clock) if self.issuer.reports else None
        self.uses = Uses(audience, clock)

    def go_stale(self) -> None:
        """Decide by the notices no more, until the next head; what they ended stays refused."""
        if self.issuer.revocation == "feed":
            self.notices.fresh_at = float("-inf")

    def leave_to_parent(self) -> None:
        """Tell and give back nothing that was seen and held before a fork: the parent does it."""
        for each in (self.sightings, self.uses):
            if each is not None:
                each.leave_to_parent()

    def is_ready(self, now: float) -> bool:
        """Whether tokens can be decided on: keys are here, and word from the issuer is fresh."""
        if self.keys.verifier is None:
            return False
        if self.issuer.revocation == "introspect":
            return bool(self.introspection_endpoint)
        return now <= self.notices.fresh_at + self.staleness.budget


def _of_the_feed(issuer: Issuer) -> tuple[str, ...]:
    """Say how heads may be signed: not by what is for the tokens of single APIs alone."""
    return tuple(name for name in issuer.algorithms if name in ALGORITHMS) or tuple(ALGORITHMS)
