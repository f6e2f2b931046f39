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


@pytest.mark.parametrize(("lifetime", "fresh_for"), [(60, 48), (300, 240), (3600, 3540)])
def test_fresh_until_shortly_before_the_end(lifetime: int, fresh_for: int):
    """A minute before, or a fifth of its life; a short-lived token is not replaced at every use."""
    tokens = tokens_in(RESPONSE | {"expires_in": lifetime}, "", NOW)
    assert tokens.is_fresh(NOW + fresh_for - 1)
    assert not tokens.is_fresh(NOW + fresh_for)
    assert tokens.is_alive(NOW + lifetime - 1)
    assert not tokens.is_alive(NOW + lifetime)


def test_a_token_that_does_not_say_when_it_ends_is_fresh():
    tokens = tokens_in({"access_token": "a", "token_type": "bearer"}, "", NOW)
    assert tokens.is_fresh(NOW * 2)
    assert tokens.is_alive(NOW * 2)


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"access_token": "a"},
        RESPONSE | {"token_type": "DPoP"},
        RESPONSE | {"expires_in": "soon"},
        RESPONSE | {"access_token": None},
        RESPONSE | {"access_token": ""},
        RESPONSE | {"access_token": "a\x1b]0;owned\x07"},
        RESPONSE | {"access_token": "a\r\nX: y"},
        RESPONSE | {"refresh_token": "\u202er"},
    ],
)
def test_what_is_no_token_response_is_refused(response: dict[str, object]):
    with pytest.raises(BadAnswer, match="token response"):
        tokens_in(response, "", NOW)
