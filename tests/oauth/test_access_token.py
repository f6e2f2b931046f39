"""The JWT profile for access tokens (RFC 9068)."""

import msgspec
import pytest

from counterfoil.oauth.access_token import (
    AccessToken,
    Expected,
    access_token_from,
    check,
)
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks

NOW = 1_800_000_000
EXPECTED = Expected("https://issuer.example", "https://notes.example")


def claims(**changes: object) -> dict[str, object]:
    claims: dict[str, object] = {
        "iss": EXPECTED.issuer,
        "sub": "u1",
        "aud": EXPECTED.audience,
        "exp": NOW + 60,
        "iat": NOW,
        "client_id": "c1",
        "jti": "t1",
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def token(**changes: object) -> AccessToken:
    read = access_token_from(claims(**changes))
    assert read is not None
    return read


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "exp", "iat", "client_id", "jti"])
def test_every_required_claim_is_demanded(missing: str):
    """RFC 9068 §2.2, S60."""
    assert access_token_from(claims(**{missing: None})) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": "1"},
        {"exp": 1.5},
        {"aud": [1]},
        {"aud": {}},
        {"iss": 1},
        {"scope": ["a"]},
        {"gen": 1},
        {"gen": [1]},
        {"cnf": "x"},
        {"jti": 7},
        {"iat": True},
        {"nbf": "now"},
    ],
)
def test_a_claim_of_the_wrong_type_is_no_claim(changes: dict[str, object]):
    assert access_token_from(claims(**changes)) is None


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "auth_time"])
def test_a_time_is_a_number_that_a_clock_can_hold(claim: str):
    """Up to there a float is exact, and whoever adds to it raises nothing."""
    for far in (2**53, -(2**53)):
        assert access_token_from(claims(**{claim: far})) is not None
    for further in (2**53 + 1, -(2**53) - 1, 10**400, -(10**400)):
        assert access_token_from(claims(**{claim: further})) is None
        parent = ("t0", "c0", 0, "https://a.example", 0, "k", further)
        assert access_token_from(claims(parents=[parent])) is None


def test_claims_survive_the_wire():
    """What is left out is read back as its default; bytes and mappings read alike."""
    full = token(scope="a b", fam="f1", gen=[1, 2], auth_time=NOW, cnf={"jkt": "x"})
    assert access_token_from(msgspec.json.encode(full)) == full
    assert full.scopes == {"a", "b"}
    assert b"fam" not in msgspec.json.encode(token())
    assert access_token_from(b"{") is None


def test_a_good_token_passes():
    assert check(token(), EXPECTED, NOW) is None
    assert check(token(aud=["x", EXPECTED.audience]), EXPECTED, NOW) is None
    assert check(token(aud="x"), Expected(EXPECTED.issuer, None), NOW) is None


@pytest.mark.parametrize("aud", ["https://notes.example/", "https://notes.exampl", "", [], ["x"]])
def test_the_audience_is_compared_exactly(aud: object):
    """RFC 9068 §4."""
    assert check(token(aud=aud), EXPECTED, NOW) is Reason.WRONG_AUDIENCE


def test_the_issuer_is_compared_exactly():
    """RFC 9068 §4, S59."""
    assert check(token(iss="https://issuer.example/"), EXPECTED, NOW) is Reason.WRONG_ISSUER


@pytest.mark.parametrize(
    ("after", "reason"), [(59.9, None), (60, Reason.EXPIRED), (61, Reason.EXPIRED)]
)
def test_a_token_stops_on_the_second(after: float, reason: Reason | None):
    """S16: ``exp`` has no leeway (RFC 7519 §4.1.4)."""
    assert check(token(), EXPECTED, NOW + after) is reason


@pytest.mark.parametrize(("ahead", "reason"), [(10, None), (11, Reason.ISSUED_IN_FUTURE)])
def test_a_clock_ahead_is_forgiven_ten_seconds(ahead: int, reason: Reason | None):
    """S28."""
    assert check(token(iat=NOW + ahead, exp=NOW + 90), EXPECTED, NOW) is reason


@pytest.mark.parametrize(("ahead", "reason"), [(10, None), (11, Reason.ISSUED_IN_FUTURE)])
def test_a_token_is_not_used_before_its_time(ahead: int, reason: Reason | None):
    """RFC 7519 §4.1.5, with the leeway for a clock that is behind."""
    assert check(token(nbf=NOW + ahead, exp=NOW + 90), EXPECTED, NOW) is reason


def test_an_early_nbf_does_not_hide_a_late_iat():
    late = token(nbf=NOW - 60, iat=NOW + 11, exp=NOW + 90)
    assert check(late, EXPECTED, NOW) is Reason.ISSUED_IN_FUTURE


@pytest.mark.parametrize("cnf", [{}, {"new": "x"}, {"jkt": ""}, {"jkt": "x", "new": "x"}])
def test_a_confirmation_that_says_nothing_makes_no_bearer_token(cnf: dict[str, object]):
    """RFC 7800 §3.1."""
    assert not token(cnf=cnf).binding.is_bearer
    assert token().binding.is_bearer


def test_the_marks_by_which_it_can_be_ended():
    full = token(fam="f1", gen=[1, 2])
    assert full.marks("k1") == Marks(
        "t1", "f1", "c1", 1, "https://notes.example", 2, "k1", full.iat
    )
