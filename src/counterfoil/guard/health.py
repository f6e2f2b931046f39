"""How a guard is, as a value that whoever runs it can act upon."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from counterfoil.guard.issuer_state import IssuerState

State: TypeAlias = Literal["ready", "degraded", "down"]
_WORST_FIRST: Final[tuple[State, ...]] = ("down", "degraded", "ready")


class IssuerHealth(Struct, frozen=True, kw_only=True):
    """How it is with one issuer.

    ``ready``: its tokens are decided on, by what it has said lately. ``degraded``: they are decided
    on, but something is wrong, which ``why`` says by kinds. ``down``: all of them are refused.
    ``staleness``: for how many seconds the issuer has not been heard; ``None`` where it need not
    be, or never was. ``skew``: by how many seconds its clock is ahead of ours, as far as known.
    """

    url: str
    state: State
    why: Mapping[str, str]
    staleness: float | None
    skew: float | None
    notices: int

    @property
    def sentence(self) -> str:
        """Say it in a line."""
        why = "; ".join(f"{kind}: {text}" for kind, text in self.why.items())
        return f"{self.url} is {self.state}" + (f" ({why})" if why else "")


class Health(Struct, frozen=True):
    """How a guard is: as its worst issuer. ``is_alive`` says whether its thread runs."""

    is_alive: bool
    issuers: tuple[IssuerHealth, ...]

    @property
    def state(self) -> State:
        """The worst state of an issuer; ``down`` where the guard does not run."""
        states = {each.state for each in self.issuers}
        if not self.is_alive:
            return "down"
        return next((state for state in _WORST_FIRST if state in states), "down")

    @property
    def is_ready(self) -> bool:
        """Whether tokens of some issuer are decided on: what a readiness probe asks."""
        return self.is_alive and any(each.state != "down" for each in self.issuers)


def health_of(states: Iterable[IssuerState], now: float, *, is_alive: bool) -> Health:
    """Look at every issuer."""
    return Health(is_alive, tuple(issuer_health(state, now) for state in states))


def issuer_health(state: IssuerState, now: float) -> IssuerHealth:
    """Look at one issuer."""
    staleness = staleness_of(state, now)
    why = dict(state.troubles.present)
    if staleness is not None and staleness > state.staleness.budget:
        why.setdefault("stale", f"nothing was heard for {staleness:.0f} s")
    return IssuerHealth(
        url=state.issuer.url,
        state=_state_of(state, now, has_trouble=bool(why)),
        why=why,
        staleness=staleness,
        skew=state.skew,
        notices=len(state.notices),
    )


def staleness_of(state: IssuerState, now: float) -> float | None:
    """Say for how many seconds an issuer has not been heard; ``None`` where it need not be."""
    heard = state.notices.fresh_at
    if state.issuer.revocation != "feed" or heard == float("-inf"):
        return None
    return max(0.0, now - heard)


def _state_of(state: IssuerState, now: float, *, has_trouble: bool) -> State:
    if state.keys.verifier is None:
        return "down"
    if state.is_ready(now):
        return "degraded" if has_trouble else "ready"
    if state.staleness.then == "introspect":
        return "degraded" if state.introspection_endpoint else "down"
    return "degraded" if now <= state.notices.fresh_at + state.tolerance else "down"
