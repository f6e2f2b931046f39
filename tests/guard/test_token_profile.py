"""Tokens of issuers that do not keep to RFC 9068, by configuration alone (S117)."""

import pytest

from counterfoil.guard import Issuer, TokenProfile
from counterfoil.jose.jwt import NO_TYP
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import ISSUER, Desk

FOREIGN = TokenProfile(
    types=("JWT",), scope="scp", client_id="azp", may_lack=("client_id", "iat", "jti", "sub")
)
OWN = {"fam": None, "gen": None}


def desk_for(profile: TokenProfile, algorithm: str = "RS256") -> Desk:
    issuer = Issuer(ISSUER, algorithms=(algorithm,), revocation="none", profile=profile)
    return Desk(issuer, algorithm=algorithm)


@pytest.fixture(scope="module")
def desk() -> Desk:
    return desk_for(FOREIGN)


def test_what_differs_is_understood(desk: Desk):
    """S117."""
    claims = {"scope": "other", "scp": ["notes:read", "notes:write"], "azp": "c7"}
    token = desk.guard.check(desk.token(typ="JWT", client_id=None, jti=None, **OWN, **claims))
    assert token.scopes == {"notes:read", "notes:write"}
    assert (token.client_id, token.fingerprint) == ("c7", "")
    assert token.claims["scp"] == ["notes:read", "notes:write"]


def test_a_text_of_scopes_will_do(desk: Desk):
    token = desk.guard.check(desk.token(typ="JWT", scp="a b", azp="c7", **OWN))
    assert token.scopes == {"a", "b"}


@pytest.mark.parametrize("scp", [["a b"], ["a", 7], [""], 7, {"a": 1}, [["a"]]])
def test_what_is_no_list_of_scopes_is_refused(desk: Desk, scp: object):
    assert desk.reason(desk.token(typ="JWT", scp=scp, azp="c7", **OWN)) is Reason.MALFORMED


def test_no_scope_at_all_permits_nothing(desk: Desk):
    """Nor does the claim count that was not configured."""
    assert desk.guard.check(desk.token(typ="JWT", scope="admin", **OWN)).scopes == frozenset()


def test_what_was_not_said_is_refused_as_ever():
    """S117: the types, and every claim, of an issuer of which nothing was said."""
    desk = desk_for(TokenProfile())
    assert desk.reason(desk.token(typ="JWT")) is Reason.WRONG_TYPE
    for name in ("client_id", "jti", "iat", "sub"):
        assert desk.reason(desk.token(**{name: None})) is Reason.MALFORMED
    assert desk.reason(desk.token(scope=["a"])) is Reason.MALFORMED


def test_a_type_that_was_not_named_is_refused(desk: Desk):
    assert desk.reason(desk.token(typ="at+jwt", azp="c", **OWN)) is Reason.WRONG_TYPE
    assert desk.reason(desk.token(typ="logout+jwt", azp="c", **OWN)) is Reason.WRONG_TYPE


@pytest.mark.parametrize("claim", ["nonce", "at_hash", "c_hash", "events"])
def test_an_id_token_is_no_access_token_whatever_it_calls_itself(desk: Desk, claim: str):
    """RFC 8725 §3.11: the types of both are the same there."""
    token = desk.token(typ="JWT", azp="c", **OWN, **{claim: "x"})
    assert desk.reason(token) is Reason.WRONG_TYPE


def test_a_token_without_a_time_of_issue_is_as_old_as_can_be(desk: Desk):
    token = desk.token(typ="JWT", iat=None, azp="c", **OWN)
    assert desk.guard.check(token).issued_at == 0
    gate = desk.gate(max_age=3600)
    gate.guard._states[ISSUER] = desk.state
    with pytest.raises(Exception, match="too long ago"):
        gate.guard.check(token)


@pytest.mark.parametrize("name", ["exp", "aud", "iss"])
def test_what_a_guard_lives_by_may_never_be_lacking(desk: Desk, name: str):
    assert desk.reason(desk.token(typ="JWT", azp="c", **OWN, **{name: None})) in (
        Reason.MALFORMED,
        Reason.WRONG_ISSUER,
    )
    with pytest.raises(ValueError, match="may not lack"):
        TokenProfile(may_lack=(name,))


def test_ours_are_by_the_standard():
    with pytest.raises(ValueError, match="RFC 9068"):
        Issuer(ISSUER, profile=FOREIGN)
    with pytest.raises(ValueError, match="a tuple"):
        TokenProfile(types="JWT")
    with pytest.raises(ValueError, match="a tuple"):
        TokenProfile(types=())


def test_no_type_at_all_must_be_said():
    assert TokenProfile(types=("", "JWT")).accepted_types == (NO_TYP, "JWT")
