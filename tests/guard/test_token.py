"""The token that stands, and the refusal."""

import pytest

from counterfoil.guard import Rejected
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import Desk


def test_a_permission_that_is_missing_is_named(desk: Desk):
    """S118: access is decided again at each part (RFC 6750 §3.1)."""
    token = desk.guard.check(desk.token(scope="notes:read"))
    token.require("notes:read")
    token.require()
    with pytest.raises(Rejected) as raised:
        token.require("notes:read", "notes:write")
    assert raised.value.reason is Reason.INSUFFICIENT_SCOPE
    assert raised.value.scope == "notes:read notes:write"
    assert raised.value.fingerprint == "t1"


def test_a_token_shows_its_fingerprint_and_never_its_text(desk: Desk):
    """S110."""
    text = desk.token()
    token = desk.guard.check(text)
    assert repr(token) == str(token) == "Token(fingerprint='t1', client_id='c1')"


def test_a_token_cannot_be_changed(desk: Desk):
    """It is shared by all requests that carry it."""
    token = desk.guard.check(desk.token())
    with pytest.raises(AttributeError):
        token.subject = "admin"
    with pytest.raises(TypeError):
        token.claims["sub"] = "admin"


def test_scopes_are_whole_words(desk: Desk):
    token = desk.guard.check(desk.token(scope="notes:readonly"))
    with pytest.raises(Rejected):
        token.require("notes:read")


def test_a_limit_that_is_not_counted_is_met_here(desk: Desk):
    """S15: nobody need be asked; a token without limits meets all."""
    limit = {"type": "counterfoil_limit", "action": "pay", "unit": "EUR", "per_transaction": 9}
    for claims in ({}, {"authorization_details": [limit]}):
        token = desk.guard.check(desk.token(**claims))
        token.within("pay", 9, "EUR", now=desk.clock.now)
    with pytest.raises(Rejected) as raised:
        token.within("pay", 10, "EUR", now=desk.clock.now)
    assert raised.value.reason is Reason.BEYOND_LIMIT
