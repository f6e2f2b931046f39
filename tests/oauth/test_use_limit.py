"""The claim of tokens that work so many times, and the type that goes with it (S54)."""

import pytest

from counterfoil.oauth.access_token import TYPES, AccessToken, access_token_from
from counterfoil.oauth.url_binding import bound_to
from counterfoil.oauth.use_limit import MOST_USES, TYPE

CLAIMS = {"iss": "i", "sub": "s", "aud": "a", "exp": 2, "iat": 1, "client_id": "c", "jti": "j"}


@pytest.mark.parametrize("max_uses", [0, -1, MOST_USES + 1, "3", 1.5, True, [3]])
def test_a_limit_that_is_none_makes_the_token_malformed(max_uses: object):
    assert access_token_from(CLAIMS | {"max_uses": max_uses}) is None


def test_a_limited_token_has_a_type_of_its_own_bound_or_not():
    """One that knows what it is to be bound, and no more, must not take it."""
    bound = bound_to("https://notes.example/7", ("GET",))
    for narrowed in ({}, {"url_bound": bound}):
        token = AccessToken(**CLAIMS, **narrowed, max_uses=3)
        assert token.type == TYPE
        assert TYPE in TYPES
