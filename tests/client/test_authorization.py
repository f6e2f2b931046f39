"""The way through the browser, and every way in which its answer must not be believed."""

from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from counterfoil.client.authorization import (
    Attempt,
    authorization_url,
    code_in,
    new_attempt,
)
from counterfoil.client.errors import NotTrusted, Refused
from counterfoil.client.metadata import Metadata, metadata_in
from counterfoil.oauth import pkce
from tests.client.conversation import ISSUER, METADATA, REGISTRATION, random

ATTEMPT = Attempt(
    state="st4te", nonce="n0nce", code_verifier="v" * 43, redirect_uri="https://app.example/cb",
    scope="openid notes:read",
)  # fmt: skip


@pytest.fixture
def metadata() -> Metadata:
    return metadata_in(METADATA, ISSUER)


def url_of(metadata: Metadata, attempt: Attempt, **further: str) -> dict[str, str]:
    url = authorization_url(metadata, REGISTRATION, attempt, further)
    assert url.startswith(f"{ISSUER}/authorize?")
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_request_has_all_that_the_protocol_asks_for(metadata: Metadata):
    """OAuth 2.1 §4.1.1: PKCE with S256, state, nonce, exact redirect_uri."""
    assert url_of(metadata, ATTEMPT, prompt="consent") == {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": "https://app.example/cb",
        "scope": "openid notes:read",
        "state": "st4te",
        "nonce": "n0nce",
        "code_challenge": pkce.challenge_of("v" * 43),
        "code_challenge_method": "S256",
        "prompt": "consent",
    }


def test_a_nonce_goes_with_openid_alone(metadata: Metadata):
    assert "nonce" not in url_of(metadata, msgspec.structs.replace(ATTEMPT, scope="notes:read"))


def test_further_parameters_never_replace_what_protects(metadata: Metadata):
    asked = url_of(metadata, ATTEMPT, state="mine", code_challenge_method="plain")
    assert (asked["state"], asked["code_challenge_method"]) == ("st4te", "S256")


def test_an_attempt_is_drawn_anew_and_does_not_show_itself():
    drawn = iter((b"a" * 32, b"b" * 32, b"c" * 32))
    attempt = new_attempt(REGISTRATION, "openid", {"max_age": "60"}, lambda _: next(drawn))
    assert len({attempt.state, attempt.nonce, attempt.code_verifier}) == 3
    assert pkce.is_verifier(attempt.code_verifier)
    assert attempt.max_age == 60
    for secret in (attempt.state, attempt.nonce, attempt.code_verifier):
        assert secret not in repr(attempt)


def test_every_drawn_value_has_256_bits():
    sizes = []
    new_attempt(REGISTRATION, "openid", {}, lambda size: sizes.append(size) or random(size))
    assert sizes == [32, 32, 32]


def back(**said: str) -> str:
    return f"https://app.example/cb?{urlencode(said)}"


def test_the_code_of_a_good_answer(metadata: Metadata):
    callback = back(code="c", state="st4te", iss=ISSUER)
    assert code_in(callback, ATTEMPT, metadata) == "c"
    assert code_in(urlsplit(callback).query, ATTEMPT, metadata) == "c"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"code": "c", "iss": ISSUER}, "state differs"),
        ({"code": "c", "state": "other", "iss": ISSUER}, "state differs"),
        ({"code": "c", "state": "st4té", "iss": ISSUER}, "state differs"),
        ({"code": "c", "state": "st4te"}, "does not name its issuer"),
        ({"code": "c", "state": "st4te", "iss": "https://evil.example"}, "another issuer"),
        ({"error": "access_denied", "state": "st4te", "iss": "https://evil.example"}, "another"),
        ({"error": "access_denied", "iss": ISSUER}, "state differs"),
        ({"state": "st4te", "iss": ISSUER}, "neither code nor error"),
    ],
)
def test_an_answer_that_may_be_an_attack_is_not_used(
    metadata: Metadata, said: dict[str, str], words: str
):
    """RFC 9207 §2.4 (mix-up), RFC 9700 §4.7 (CSRF)."""
    with pytest.raises(NotTrusted, match=words):
        code_in(back(**said), ATTEMPT, metadata)


def test_a_parameter_given_twice_is_not_used(metadata: Metadata):
    callback = back(code="c", state="st4te", iss=ISSUER) + "&code=d"
    with pytest.raises(NotTrusted, match="more than once"):
        code_in(callback, ATTEMPT, metadata)


def test_an_issuer_that_never_sends_iss_may_leave_it_out():
    older = METADATA | {"authorization_response_iss_parameter_supported": False}
    metadata = metadata_in(older, ISSUER)
    assert code_in(back(code="c", state="st4te"), ATTEMPT, metadata) == "c"
    with pytest.raises(NotTrusted, match="another issuer"):
        code_in(back(code="c", state="st4te", iss="https://evil.example"), ATTEMPT, metadata)


def test_a_no_is_told_as_it_was_said(metadata: Metadata):
    said = {"error": "access_denied", "error_description": "The person did not allow it."}
    with pytest.raises(Refused) as refused:
        code_in(back(**said, state="st4te", iss=ISSUER), ATTEMPT, metadata)
    assert refused.value.error == "access_denied"
    assert str(refused.value) == "access_denied: The person did not allow it."
