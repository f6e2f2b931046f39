"""What an endpoint demands of a token that stands."""

import pytest

from counterfoil.guard import Credentials, Issuer
from counterfoil.guard.demands import (
    NOTHING,
    Demand,
    HeardWithin,
    MaxAge,
    Presented,
    Scopes,
    demands_of,
)
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import ISSUER, NOW, Desk

REQUEST = Request("GET", "https", "192.0.2.7", "/notes", b"", ())
FAR = {"exp": int(NOW) + 20 * 365 * 86400}


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


def reason(desk: Desk, demand: Demand, at: float = NOW, **claims: object) -> Reason | None:
    token = desk.guard.check(desk.token(**claims))
    try:
        demand.examine(Presented(token, REQUEST, at))
    except Rejected as rejected:
        return rejected.reason if rejected.fingerprint == token.fingerprint else Reason.MALFORMED
    return None


@pytest.mark.parametrize(
    ("passed", "why"), [(0, None), (59.9, None), (60, Reason.TOO_OLD), (1e6, Reason.TOO_OLD)]
)
def test_age_is_judged_by_the_time_of_issue(desk: Desk, passed: float, why: Reason | None):
    """S27, S29: a token that says twenty years is too old after a minute, where that is asked."""
    assert reason(desk, MaxAge(60), NOW + passed, **FAR) is why


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_age_is_a_time(seconds: int):
    with pytest.raises(ValueError, match="more than 0"):
        MaxAge(seconds)


def test_all_scopes_are_needed(desk: Desk):
    assert reason(desk, Scopes(("notes:read", "notes:write"))) is None
    assert reason(desk, Scopes(("notes:read", "notes:admin"))) is Reason.INSUFFICIENT_SCOPE


def test_scopes_are_written_by_their_names():
    assert demands_of("a", MaxAge(1), "b") == (Scopes(("a", "b")), MaxAge(1))
    assert demands_of(MaxAge(1)) == (MaxAge(1),)
    assert demands_of() == NOTHING


def test_what_is_no_demand_is_said_when_it_is_written():
    with pytest.raises(TypeError, match="60 is no demand: write"):
        demands_of("a", 60)


def test_the_issuer_must_have_been_heard_lately():
    desk = Desk()
    token = desk.guard.check(desk.token())
    gate = desk.gate()
    desk.clock.now = NOW + 5
    gate.demand(token, REQUEST, (HeardWithin(5),))
    desk.clock.now = NOW + 5.1
    with pytest.raises(Rejected) as refused:
        gate.demand(token, REQUEST, (HeardWithin(5),))
    assert refused.value.reason is Reason.STALE


@pytest.mark.parametrize("revocation", ["none", "introspect"])
def test_who_publishes_nothing_is_never_behind(revocation: str):
    desk = Desk(Issuer(ISSUER, revocation=revocation, credentials=Credentials("a", "b")))
    assert desk.guard.heard_at(ISSUER) == float("inf")
    assert desk.guard.heard_at("") == float("inf")


def test_a_scope_is_one_name():
    with pytest.raises(ValueError, match="no name of one scope"):
        demands_of("notes:read notes:write")


def test_to_be_heard_takes_time():
    with pytest.raises(ValueError, match="more than 0"):
        HeardWithin(0)
