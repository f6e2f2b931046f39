"""The Authorization header (RFC 6750 §2.1)."""

import pytest

from counterfoil.guard import Rejected
from counterfoil.guard.bearer import bearer_token, token_in
from counterfoil.oauth.reasons import Reason


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c"])
def test_the_scheme_is_read_in_any_case(header: str):
    """RFC 9110 §11.1."""
    assert bearer_token([header]) == "a.b.c"


@pytest.mark.parametrize(
    ("header", "is_bound"), [("Bearer a.b.c", False), ("DPoP a.b.c", True), ("dpop  a.b.c", True)]
)
def test_the_scheme_says_whether_a_proof_must_come_with_it(header: str, is_bound: bool):
    """RFC 9449 §7.1."""
    assert token_in([header]) == ("a.b.c", is_bound)


@pytest.mark.parametrize("header", ["DPoP", "DPoP a b", "DPoP a.b.c, DPoP a.b.c"])
def test_what_follows_dpop_is_a_token(header: str):
    with pytest.raises(Rejected) as raised:
        token_in([header])
    assert raised.value.reason is Reason.MALFORMED


def test_padding_belongs_to_the_token():
    assert bearer_token(["Bearer abc~+/=="]) == "abc~+/=="


@pytest.mark.parametrize("headers", [[], [""], ["Basic dTpw"], ["DPoP a.b.c"], ["Bearera.b.c"]])
def test_without_a_bearer_token_it_is_missing(headers: list[str]):
    with pytest.raises(Rejected) as raised:
        bearer_token(headers)
    assert raised.value.reason is Reason.MISSING


@pytest.mark.parametrize(
    "headers",
    [
        ["Bearer"],
        ["Bearer "],
        ["Bearer a b"],
        ["Bearer a,b"],
        ["Bearer a, Bearer b"],
        ["Bearer\ta.b.c"],
        ["Bearer a.b.c\n"],
        ["Bearer a.b.c "],
        ["Bearer ä"],
        ["Bearer a=b"],
        ["Bearer a.b.c", "Bearer a.b.c"],
        ["Bearer a.b.c", "Basic dTpw"],
    ],
)
def test_what_is_ambiguous_is_refused(headers: list[str]):
    """Two headers, two tokens, other characters: nobody guesses."""
    with pytest.raises(Rejected) as raised:
        bearer_token(headers)
    assert raised.value.reason in {Reason.MALFORMED, Reason.MISSING}
    assert raised.value.reason is Reason.MALFORMED or headers == ["Bearer\ta.b.c"]
