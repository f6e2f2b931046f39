"""Downgrades: nobody gets less protection than OAuth 2.1 asks for (RFC 9700 §2.1.1, §4.8.2)."""

import pytest

from counterfoil.oauth import pkce
from tests.installation import CALLBACK, Installation, Person, answer_of, token_request

pytestmark = pytest.mark.anyio

VERIFIER = "v" * 43
REFUSED = {
    "no challenge": {"code_challenge": "", "code_challenge_method": ""},
    "a method without a challenge": {"code_challenge": ""},
    "a challenge without a method": {"code_challenge_method": ""},
    "plain": {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    "a method in other letters": {"code_challenge_method": "s256"},
    "an unknown method": {"code_challenge_method": "S512"},
    "a short challenge": {"code_challenge": "short"},
    "a long challenge": {"code_challenge": "A" * 44},
    "a padded challenge": {"code_challenge": pkce.challenge_of(VERIFIER) + "="},
    "a challenge outside base64url": {"code_challenge": "+" * 43},
    "the verifier as challenge, said to be S256, in Unicode": {"code_challenge": "\uff21" * 43},
}


@pytest.mark.parametrize("client_id", ["app", "spa"])
@pytest.mark.parametrize("downgrade", REFUSED)
async def test_no_code_without_a_s256_challenge(
    site: Installation, client_id: str, downgrade: str
) -> None:
    """S119: confidential apps as well as public ones (OAuth 2.1 §4.1.1, RFC 7636 §7.2)."""
    async with site.browser() as browser:
        answer = await Person(site, browser).open(client_id, **REFUSED[downgrade])
    told = answer_of(answer)
    assert answer.headers["location"].startswith(CALLBACK)
    assert told["error"] == "invalid_request"
    assert "code_challenge" in told["error_description"]
    assert "code" not in told


@pytest.mark.parametrize(
    "shown",
    [
        {"code_verifier": ""},
        {"code_verifier": "short"},
        {"code_verifier": "v" * 129},
        {"code_verifier": "ü" * 43},
        {"code_verifier": "v" * 43 + "\n"},
        {"code_verifier": "w" * 43},
        {"code_verifier": "", "code_challenge": pkce.challenge_of(VERIFIER)},
    ],
    ids=str,
)
async def test_no_tokens_without_the_verifier(site: Installation, shown: dict[str, str]) -> None:
    """Neither a missing verifier, nor the challenge itself, opens a code (RFC 7636 §4.6)."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        answer = await person.exchange(code, **shown)
        assert answer.status_code == 400
        assert answer.json()["error"] in {"invalid_request", "invalid_grant"}
        assert "code_verifier" in answer.json()["error_description"]


async def test_the_challenge_is_not_the_verifier(site: Installation) -> None:
    """Whoever reads the authorization request, which holds the challenge, has nothing."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        answer = await person.exchange(code, code_verifier=pkce.challenge_of(person.verifier))
        assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "response_type",
    ["token", "id_token", "code token", "code id_token", "code id_token token", "none", "Code"],
)
async def test_no_token_ever_comes_through_the_browser(
    site: Installation, response_type: str
) -> None:
    """Implicit and hybrid flows do not exist (OAuth 2.1 §10, RFC 9700 §2.1.2)."""
    async with site.browser() as browser:
        answer = await Person(site, browser).open(response_type=response_type)
    assert answer_of(answer)["error"] == "unsupported_response_type"
    assert "#" not in answer.headers["location"]


@pytest.mark.parametrize("mode", ["fragment", "form_post", "web_message", "jwt", "query.jwt"])
async def test_codes_travel_in_the_query_alone(site: Installation, mode: str) -> None:
    async with site.browser() as browser:
        answer = await Person(site, browser).open(response_mode=mode)
    assert answer_of(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "Authorization_Code",
        "client_credentials ",
        "__class__",
    ],
)
async def test_no_other_grant_type_exists(site: Installation, grant_type: str) -> None:
    """The password grant is gone (OAuth 2.1 §10, RFC 9700 §2.4)."""
    form = {"username": "ada@example.com", "password": "correct horse battery staple"}
    answer = await token_request(site, "app", grant_type=grant_type, **form)
    assert answer.json()["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    ("client_id", "grant_type"),
    [
        ("service", "authorization_code"),
        ("app", "client_credentials"),
        ("service", "refresh_token"),
    ],
)
async def test_a_client_uses_only_the_grant_types_it_registered(
    site: Installation, client_id: str, grant_type: str
) -> None:
    answer = await token_request(site, client_id, grant_type=grant_type)
    assert answer.json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
async def test_what_would_carry_another_request_is_refused(site: Installation, name: str) -> None:
    """Request objects could say otherwise than the query; `request_uri` could make us fetch."""
    async with site.browser() as browser:
        answer = await Person(site, browser).open(**{name: "https://evil.example/request.jwt"})
    assert answer_of(answer)["error"] == f"{name}_not_supported"
