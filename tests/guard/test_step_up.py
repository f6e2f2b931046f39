"""How, and how long ago, a person must have signed in (RFC 9470)."""

import pytest

from counterfoil.guard import Presented, Rejected, StepUp
from counterfoil.guard.request import Request
from counterfoil.oauth.challenge import Challenge
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import NOW, Desk

REQUEST = Request("GET", "https", "192.0.2.7", "/notes", b"", ())
STRONG = StepUp(acr=("urn:phr", "urn:mfa"), max_age=300)


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


def refusal(desk: Desk, demand: StepUp, **claims: object) -> Rejected | None:
    token = desk.guard.check(desk.token(**claims))
    try:
        demand.examine(Presented(token, REQUEST, NOW))
    except Rejected as rejected:
        return rejected
    return None


@pytest.mark.parametrize("acr", ["urn:phr", "urn:mfa"])
def test_each_of_the_classes_will_do(desk: Desk, acr: str):
    assert refusal(desk, STRONG, acr=acr, auth_time=int(NOW) - 300) is None


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"acr": "urn:pwd", "auth_time": int(NOW)}, Reason.SIGN_IN_TOO_WEAK),
        ({"auth_time": int(NOW)}, Reason.SIGN_IN_TOO_WEAK),
        ({"acr": "urn:mfa", "auth_time": int(NOW) - 301}, Reason.SIGN_IN_TOO_OLD),
        ({"acr": "urn:mfa"}, Reason.SIGN_IN_TOO_OLD),
    ],
)
def test_what_is_weaker_older_or_not_said_is_not_enough(
    desk: Desk, claims: dict[str, object], reason: Reason
):
    rejected = refusal(desk, STRONG, **claims)
    assert rejected is not None
    assert rejected.reason is reason
    assert rejected.asks == {"acr_values": "urn:phr urn:mfa", "max_age": "300"}


def test_the_challenge_says_all_that_is_needed():
    """§3: both members in one challenge, so that the person is asked once."""
    header = Challenge(
        Reason.SIGN_IN_TOO_OLD, asks={"acr_values": "urn:phr urn:mfa", "max_age": "300"}
    ).header
    assert header.startswith('Bearer error="insufficient_user_authentication", ')
    assert 'acr_values="urn:phr urn:mfa", max_age="300"' in header


def test_only_what_is_demanded_is_asked_for(desk: Desk):
    old = refusal(desk, StepUp(max_age=0), auth_time=int(NOW) - 1)
    weak = refusal(desk, StepUp(acr=("urn:mfa",)))
    assert old is not None
    assert old.asks == {"max_age": "0"}
    assert weak is not None
    assert weak.asks == {"acr_values": "urn:mfa"}


@pytest.mark.parametrize(
    "wrong", [{}, {"max_age": -1}, {"acr": ("a b",)}, {"acr": ('a"',)}, {"acr": ("",)}]
)
def test_a_demand_that_cannot_be_said_is_refused(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=r"\w"):
        StepUp(**wrong)


def test_a_class_alone_asks_for_no_time(desk: Desk):
    """What is not demanded need not be said."""
    demand = StepUp(acr=("urn:mfa",))
    assert refusal(desk, demand, acr="urn:mfa") is None
    rejected = refusal(desk, demand, acr="urn:pwd")
    assert rejected is not None
    assert rejected.asks == {"acr_values": "urn:mfa"}
