"""What a client may write to have its token bound to a URL."""

from urllib.parse import urlencode

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.url_binding import UrlBound
from counterfoil.server.protocol.url_narrowing import narrowing_in

URL = "https://notes.example/files/7"


def parameters(**given: str) -> Parameters:
    return Parameters.parse(urlencode(given))


def test_who_asks_for_nothing_gets_an_ordinary_token():
    assert narrowing_in(parameters(scope="notes:read")) is None


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({}, UrlBound(("GET",), URL)),
        ({"url_methods": "GET POST GET"}, UrlBound(("GET", "POST"), URL)),
        ({"url_hashed": "false"}, UrlBound(("GET",), URL)),
    ],
)
def test_the_methods_are_separated_by_spaces(given: dict[str, str], bound: UrlBound):
    """As scopes are (RFC 6749 §3.3)."""
    narrowing = narrowing_in(parameters(url="HTTPS://notes.example/files/%37", **given))
    assert narrowing is not None
    assert (narrowing.bound, narrowing.is_hashed) == (bound, False)


def test_the_refusal_holds_nothing_of_the_url():
    with pytest.raises(OAuthError) as refused:
        narrowing_in(parameters(url="https://secret:word@notes.example/"))
    assert "word" not in str(refused.value)
