"""The answers that machines get."""

import msgspec
import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.web.answers import JsonResponse, cacheable, error_answer


def test_json_is_never_cached_by_default():
    """RFC 6749 §5.1."""
    response = JsonResponse({"a": 1})
    assert msgspec.json.decode(response.body) == {"a": 1}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == str(len(response.body))
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_what_is_public_may_be_cached():
    response = cacheable({"a": 1}, 300)
    assert response.headers.getlist("cache-control") == ["public, max-age=300"]


def test_one_answer_does_not_change_another():
    cacheable({}, 300)
    assert JsonResponse({}).headers["cache-control"] == "no-store"


def test_an_error_says_its_reason_where_it_has_one():
    """S109."""
    error = OAuthError("invalid_grant", "Why.", reason=Reason.USED_UP)
    assert msgspec.json.decode(error_answer(error, "r1").body)["error_reason"] == "used_up"


@pytest.mark.parametrize(
    ("error", "basic", "challenged"),
    [
        ("invalid_client", True, True),
        ("invalid_client", False, False),
        ("invalid_grant", True, False),
    ],
)
def test_an_error_challenges_who_used_the_header(error: str, basic: bool, challenged: bool):
    """RFC 6749 §5.2."""
    response = error_answer(OAuthError(error, "Why."), "r1", basic=basic)
    assert ("www-authenticate" in response.headers) is challenged
    said = {"error": error, "error_description": "Why.", "request_id": "r1"}
    assert msgspec.json.decode(response.body) == said
    assert response.headers["x-request-id"] == "r1"
