"""OpenID Connect Discovery 1.0: what relying parties read before they begin."""

import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def document(place: Installation) -> dict[str, object]:
    async with place.browser() as anyone:
        return dict((await anyone.get("/.well-known/openid-configuration")).json())


async def test_what_it_requires_is_there(place: Installation):
    """§3: the required members, with the values that must be among them."""
    metadata = await document(place)
    for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert str(metadata[name]).startswith("http")
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["subject_types_supported"] == ["public"]
    assert "RS256" in metadata["id_token_signing_alg_values_supported"]
    assert "openid" in metadata["scopes_supported"]


async def test_the_claims_that_it_names_are_the_claims_that_come(
    place: Installation, person: Person
):
    """§3 claims_supported."""
    tokens = await person.tokens(scope="openid profile email")
    claims = unverified_claims(tokens["id_token"]).keys()
    chosen = {"locale"}  # comes of whoever has chosen a language
    assert claims | chosen == set((await document(place))["claims_supported"])


async def test_prompts_and_requests_are_described(place: Installation):
    """§3 and Initiating User Registration §4: what is offered, and what is not."""
    metadata = await document(place)
    assert metadata["prompt_values_supported"] == ["consent", "login", "none", "select_account"]
    assert metadata["request_parameter_supported"] is False
    assert metadata["request_uri_parameter_supported"] is False
    assert metadata["claims_parameter_supported"] is False


async def test_the_issuer_equals_that_of_id_tokens(place: Installation, person: Person):
    """§4.3: exactly."""
    tokens = await person.tokens()
    issuer = (await document(place))["issuer"]
    assert unverified_claims(tokens["id_token"])["iss"] == issuer


async def test_scripts_of_any_origin_may_read_it(place: Installation):
    """§4.2: apps in browsers begin here; S96."""
    async with place.browser() as script:
        answer = await script.get(
            "/.well-known/openid-configuration", headers={"origin": "https://spa.example"}
        )
    assert answer.headers["access-control-allow-origin"] == "*"
