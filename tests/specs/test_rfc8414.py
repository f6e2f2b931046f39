"""RFC 8414 and OpenID Connect Discovery: the server describes itself truly."""

import pytest

from counterfoil.oauth.delegation import GRANT_TYPE
from counterfoil.server.app import ROUTES
from counterfoil.server.records.client import DEVICE_CODE
from tests.installation import Installation

pytestmark = pytest.mark.anyio

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


async def metadata(place: Installation, path: str = OAUTH) -> dict[str, object]:
    async with place.browser() as anyone:
        answer = await anyone.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


async def test_the_issuer_is_the_one_that_the_address_was_made_from(place: Installation):
    """RFC 8414 §3.3: the value must be identical."""
    assert (await metadata(place))["issuer"] == place.issuer


async def test_both_documents_say_the_same(place: Installation):
    """RFC 8414 §5, OpenID Connect Discovery 1.0 §4: one description under two addresses."""
    assert await metadata(place, OAUTH) == await metadata(place, OPENID)


async def test_every_endpoint_that_is_named_is_there(place: Installation):
    """RFC 8414 §2: endpoints are URLs below the issuer, and each answers."""
    named = {
        name: str(url)
        for name, url in (await metadata(place)).items()
        if name.endswith(("_endpoint", "_uri"))
    }
    assert len(named) == 16
    paths = {route.path for route in ROUTES}
    assert all(url.startswith(place.issuer) for url in named.values())
    assert {url.removeprefix(place.issuer) for url in named.values()} <= paths


async def test_what_rfc_8414_requires_is_there(place: Installation):
    """RFC 8414 §2: issuer, endpoints, response_types_supported; all lists are not empty."""
    document = await metadata(place)
    required = {
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "code_challenge_methods_supported",
    }
    assert required <= document.keys()
    assert all(value for value in document.values() if isinstance(value, list))


async def test_no_way_is_offered_that_oauth_2_1_took_away(place: Installation):
    """OAuth 2.1 §10, RFC 9700 §2.1.2, §2.4: no implicit grant, no password grant, no plain PKCE."""
    document = await metadata(place)
    assert document["response_types_supported"] == ["code"]
    assert document["response_modes_supported"] == ["query"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert set(document["grant_types_supported"]) == {
        "authorization_code",
        "client_credentials",
        "refresh_token",
        DEVICE_CODE,
        GRANT_TYPE,
    }


async def test_scopes_of_the_apis_are_named(place: Installation):
    """RFC 8414 §2: scopes_supported, read off the APIs that are registered."""
    scopes = (await metadata(place))["scopes_supported"]
    assert {"openid", "offline_access", "notes:read", "notes:write"} <= set(scopes)


async def test_it_says_that_responses_name_the_issuer(place: Installation):
    """RFC 9207 §3."""
    assert (await metadata(place))["authorization_response_iss_parameter_supported"] is True


async def test_it_may_be_cached_for_as_long_as_the_keys(place: Installation):
    """RFC 8414 §3: an ordinary HTTP resource; new keys are published ahead for longer."""
    async with place.browser() as anyone:
        answer = await anyone.get(OAUTH)
    max_age = place.authority.settings.jwks_max_age
    assert answer.headers["cache-control"] == f"public, max-age={max_age}"
    assert max_age < place.authority.settings.key_publish_ahead


async def test_algorithms_of_id_tokens_are_strong_ones(place: Installation):
    """OpenID Connect Discovery 1.0 §3; S86: RS256 is there as it must, and nothing weak."""
    algorithms = set((await metadata(place))["id_token_signing_alg_values_supported"])
    assert "RS256" in algorithms
    assert algorithms.isdisjoint({"none", "HS256", "HS384", "HS512", "RS1"})
