"""From claims that somebody vouches for to a token."""

import pytest

from counterfoil.guard import Issuer, Rejected
from counterfoil.guard.claims import access_token_in, claims_of, token_of
from counterfoil.guard.scope_hierarchy import ScopeHierarchy
from counterfoil.oauth.reasons import Reason

ISSUER = "https://id.example"
CLAIMS = {
    "iss": ISSUER,
    "sub": "ada",
    "aud": ["https://notes.example", "https://mail.example"],
    "exp": 20,
    "iat": 10,
    "client_id": "app",
    "jti": "t1",
    "scope": "notes:read",
    "fam": "f1",
    "gen": [1, 2],
}


def test_a_token_has_all_that_its_claims_say():
    token = token_of(access_token_in(CLAIMS, Issuer(ISSUER)), CLAIMS, ScopeHierarchy({}))
    assert (token.subject, token.client_id, token.fingerprint) == ("ada", "app", "t1")
    assert token.audience == ("https://notes.example", "https://mail.example")
    assert token.claims == CLAIMS


def test_of_an_answer_only_the_claims_are_kept():
    assert claims_of({"active": True, "token_type": "Bearer", **CLAIMS}) == CLAIMS


@pytest.mark.parametrize("name", ["sub", "aud", "exp", "iat", "client_id", "jti"])
def test_a_missing_claim_is_refused(name: str):
    claims = {key: value for key, value in CLAIMS.items() if key != name}
    with pytest.raises(Rejected) as refused:
        access_token_in(claims, Issuer(ISSUER))
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("issuer", [None, "https://other.example", f"{ISSUER}/", 7])
def test_another_issuers_word_is_refused(issuer: object):
    with pytest.raises(Rejected) as refused:
        access_token_in(CLAIMS | {"iss": issuer}, Issuer(ISSUER))
    assert refused.value.reason is Reason.WRONG_ISSUER


@pytest.mark.parametrize("status", ["active", 7, {"other": {}}, {"status_list": "odd"}])
def test_a_status_of_another_kind_is_let_be(status: object):
    """Other issuers put what they like there (draft-ietf-oauth-status-list §6.1)."""
    assert access_token_in(CLAIMS | {"status": status}, Issuer(ISSUER)).jti == "t1"


def test_what_is_ours_is_not_read_at_others():
    none = Issuer(ISSUER, revocation="none")
    assert access_token_in(CLAIMS | {"fam": 7, "gen": "x"}, none).fam == ""
