"""Scopes that look broader, sign-ins that look stronger, ages that look younger than they are."""

import pytest

from counterfoil.guard import MaxAge, Rejected, StepUp
from counterfoil.guard.demands import Demand, demands_of
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import NOW, Desk, request

pytestmark = pytest.mark.one_engine("no server of ours is there")


def refused(desk: Desk, demand: str | Demand, **claims: object) -> Reason | None:
    gate = desk.gate(implied={"notes": ("notes:read",), "admin": ("notes",)})
    try:
        gate.admit_blocking(request(token=desk.token(**claims)), demands_of(demand))
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize(
    "scope",
    [
        "", "note", "notes:", "Notes", "NOTES", "notes:*", "*", "notes:read:all", "notes.read",
        "notes,notes:read", "notes\tnotes:read", "notes\nnotes:read", "\u00a0notes", "notes\u2028",
        "openid", "read", ":read", "notes:write",
    ],
)  # fmt: skip
def test_nothing_follows_from_how_a_scope_is_spelled(desk: Desk, scope: str):
    if scope in ("notes\tnotes:read", "notes\nnotes:read", "notes\u2028", "\u00a0notes"):
        assert refused(desk, "notes:read", scope=scope) is not None
    else:
        assert refused(desk, "notes:read", scope=scope) is Reason.INSUFFICIENT_SCOPE


def test_a_narrower_scope_implies_no_broader_one(desk: Desk):
    assert refused(desk, "notes", scope="notes:read") is Reason.INSUFFICIENT_SCOPE
    assert refused(desk, "admin", scope="notes notes:read") is Reason.INSUFFICIENT_SCOPE
    assert refused(desk, "notes:read", scope="admin") is None


@pytest.mark.parametrize(
    "acr",
    [
        "urn:pwd", "urn:mf", "urn:mfaa", "URN:MFA", "urn:mfa ", "urn:pwd urn:mfa", "", None, 2,
        ["urn:mfa"], {"urn:mfa": 1}, True,
    ],
)  # fmt: skip
def test_a_weaker_sign_in_is_not_taken_for_a_stronger(desk: Desk, acr: object):
    """RFC 9470 §3: compared exactly; a list of classes is none of them."""
    assert refused(desk, StepUp(acr=("urn:mfa",)), acr=acr) is Reason.SIGN_IN_TOO_WEAK


@pytest.mark.parametrize("auth_time", [None, "9999999999", True, [], 1e12, int(NOW) + 3600])
def test_a_time_that_is_none_or_lies_ahead_is_no_fresh_sign_in(desk: Desk, auth_time: object):
    reason = refused(desk, StepUp(max_age=60), auth_time=auth_time)
    assert reason in (Reason.SIGN_IN_TOO_OLD, Reason.MALFORMED)


def test_a_token_from_the_future_is_not_young(desk: Desk):
    """S28, S29, S27: who dates ahead gains ten seconds at most."""
    assert refused(desk, MaxAge(60), iat=int(NOW) + 11) is Reason.ISSUED_IN_FUTURE
    assert refused(desk, MaxAge(60), iat=int(NOW) - 60) is Reason.TOO_OLD


def test_a_better_sign_in_of_the_past_does_not_outlive_its_token(desk: Desk):
    """Demands come on top: they never make a token stand that does not."""
    strong = {"acr": "urn:mfa", "auth_time": int(NOW)}
    demand = StepUp(acr=("urn:mfa",), max_age=60)
    assert refused(desk, demand, exp=int(NOW), **strong) is Reason.EXPIRED
