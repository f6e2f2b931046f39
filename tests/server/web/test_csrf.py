"""Forms that were not made by us for this holder are refused (S74)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from tests.server.web.requests import request

KEY = b"k" * 32


def demand(token: str | None, site: str | None = None, holder: str = "me") -> None:
    form = Parameters({"csrf": token} if token is not None else {}, {})
    headers = [(b"sec-fetch-site", site.encode())] if site is not None else []
    demand_own_form(KEY, holder, form, request(headers=headers))


@pytest.mark.parametrize("site", [None, "same-origin", "none"])
def test_our_own_form_passes(site: str | None):
    demand(csrf_token(KEY, "me"), site)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "nonsense"])
def test_a_form_sent_from_elsewhere_is_refused(site: str):
    """S74: even with the right token (Fetch Metadata)."""
    with pytest.raises(OAuthError) as refused:
        demand(csrf_token(KEY, "me"), site)
    assert refused.value.error == "access_denied"


@pytest.mark.parametrize(
    "token", [None, "", "x", csrf_token(KEY, "somebody else"), csrf_token(b"x" * 32, "me")]
)
def test_a_missing_or_foreign_token_is_refused(token: str | None):
    """S74."""
    with pytest.raises(OAuthError):
        demand(token)


@given(st.text(max_size=40))
def test_no_guess_passes(token: str):
    """S74: whatever the text, the comparison gives an answer and no exception."""
    with pytest.raises(OAuthError):
        demand(token)


@given(st.text(max_size=20), st.text(max_size=20))
def test_each_holder_has_a_token_of_their_own(one: str, other: str):
    assert (csrf_token(KEY, one) == csrf_token(KEY, other)) == (one == other)
