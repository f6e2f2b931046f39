"""What the token endpoint gave."""

import pytest

from counterfoil.client.tokens import tokens_in
from counterfoil.net.http import BadAnswer
from tests.client.conversation import NOW

RESPONSE = {"access_token": "s3cret-a", "token_type": "Bearer", "expires_in": 60, "scope": "a b"}


def test_a_response_is_read():
    tokens = tokens_in(RESPONSE | {"refresh_token": "s3cret-r", "id_token": "s3cret-i"}, "", NOW)
    assert tokens.expires_at == NOW + 60
    assert tokens.scopes == {"a", "b"}
    assert "s3cret" not in repr(tokens)


def test_without_scope_it_is_what_was_asked():
    """RFC 6749 §5.1: it may be left out where nothing was taken away."""
    assert tokens_in({"access_token": "a", "token_type": "bearer"}, "x y", NOW).scopes == {"x", "y"}


def test_fresh_until_shortly_before_the_end():
    tokens = tokens_in(RESPONSE, "", NOW)
    assert tokens.is_fresh(NOW + 29)
    assert not tokens.is_fresh(NOW + 30)
    assert tokens.is_fresh(NOW + 59, leeway=0)
    assert tokens_in({"access_token": "a", "token_type": "bearer"}, "", NOW).is_fresh(NOW * 2)


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"access_token": "a"},
        RESPONSE | {"token_type": "DPoP"},
        RESPONSE | {"expires_in": "soon"},
        RESPONSE | {"access_token": None},
    ],
)
def test_what_is_no_token_response_is_refused(response: dict[str, object]):
    with pytest.raises(BadAnswer, match="token response"):
        tokens_in(response, "", NOW)
