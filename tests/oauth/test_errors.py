"""Wire errors: each once, with its status and its source."""

import re

import pytest

from counterfoil.oauth import errors
from counterfoil.oauth.errors import ERRORS, OAuthError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("invalid_request", 400),
        ("invalid_client", 401),
        ("invalid_grant", 400),
        ("unauthorized_client", 400),
        ("unsupported_grant_type", 400),
        ("invalid_scope", 400),
        ("invalid_target", 400),
        ("invalid_token", 401),
        ("insufficient_scope", 403),
    ],
)
def test_direct_answers_have_the_status_of_their_specification(error: str, status: int):
    """RFC 6749 §5.2, RFC 6750 §3.1, RFC 8707 §2."""
    assert OAuthError(error, "Why.").status == status


def test_each_names_the_section_that_it_comes_from():
    for known in ERRORS.values():
        assert re.fullmatch(r"(RFC \d{4}|OpenID Connect Core) §[\d.]+", known.source)


def test_an_invented_error_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="invalid_mood"):
        OAuthError("invalid_mood", "Why.")


def test_a_sentence_that_is_more_than_text_is_text_on_the_wire():
    """What writes JSON takes plain text alone; whoever shows it to people has what was given."""

    class Said(str):
        __slots__ = ()

    error = OAuthError("invalid_request", Said("Why."))
    assert type(error.description) is str
    assert type(error.sentence) is Said


def test_the_operators_detail_is_not_for_the_caller():
    error = OAuthError("invalid_client", "It could not be authenticated.", detail="wrong secret")
    assert "wrong secret" not in str(error)
    assert "wrong secret" not in error.description
    assert error.detail == "wrong secret"


@pytest.mark.parametrize(
    "name",
    ["invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "invalid_target"],
)
def test_short_hands_make_the_error_of_their_name(name: str):
    error = getattr(errors, name)("Why.")
    assert error.error == name
    assert error.description == "Why."
