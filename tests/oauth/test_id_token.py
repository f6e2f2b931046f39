"""The ID token's claims as they stand in the JSON (OpenID Connect Core §2)."""

import msgspec

from counterfoil.oauth.access_token import TYPE as ACCESS_TOKEN
from counterfoil.oauth.id_token import TYPE, IdToken

BARE = IdToken(iss="https://id.example", sub="u", aud="app", exp=2, iat=1, auth_time=1)


def test_claims_that_are_not_known_are_left_out():
    """OpenID Connect Core §5.3.2: never null."""
    assert msgspec.to_builtins(BARE) == {
        "iss": "https://id.example",
        "sub": "u",
        "aud": "app",
        "exp": 2,
        "iat": 1,
        "auth_time": 1,
    }


def test_false_is_a_claim():
    """OpenID Connect Core §5.1: email_verified is a boolean, and false says something."""
    token = msgspec.structs.replace(BARE, email="a@example.com", email_verified=False)
    assert msgspec.to_builtins(token)["email_verified"] is False


def test_it_is_no_access_token_by_its_type():
    """S75: the two are told apart by typ (RFC 8725 §3.11)."""
    assert TYPE != ACCESS_TOKEN
