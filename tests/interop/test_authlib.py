"""Authlib as a client, over a socket: nothing of ours on its side (S65)."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet

from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE
from tests.interop.serving import CALLBACK, NOTES, SCOPE, Serving

Connect = Callable[..., OAuth2Client]


@pytest.fixture
def connect(server: Serving) -> Iterator[Connect]:
    """Give clients as their users make them; they are closed at the end."""
    metadata = httpx2.get(f"{server.issuer}/.well-known/openid-configuration").json()
    with ExitStack() as stack:

        def connected(client_id: str, **options: Any) -> OAuth2Client:
            client = OAuth2Client(
                client_id=client_id,
                client_secret=server.secrets[client_id],
                redirect_uri=CALLBACK,
                scope=SCOPE,
                code_challenge_method="S256",
                token_endpoint=metadata["token_endpoint"],
                revocation_endpoint=metadata["revocation_endpoint"],
                introspection_endpoint=metadata["introspection_endpoint"],
                **options,
            )
            return stack.enter_context(client)

        yield connected


def sign_in(server: Serving, client: OAuth2Client, nonce: str = "n") -> dict[str, Any]:
    verifier = generate_token(64)
    url, state = client.create_authorization_url(
        f"{server.issuer}/authorize", code_verifier=verifier, nonce=nonce
    )
    return dict(
        client.fetch_token(
            authorization_response=server.allow(url), state=state, code_verifier=verifier
        )
    )


@pytest.mark.parametrize(
    ("client_id", "method"),
    [("web", "client_secret_basic"), ("web", "client_secret_post"), ("spa", "none")],
)
def test_the_code_flow_with_pkce(server: Serving, connect: Connect, client_id: str, method: str):
    """S65: confidential and public, and the ID token verifies (OIDC Core §3.1.3.7)."""
    client = connect(client_id, token_endpoint_auth_method=method)
    token = sign_in(server, client, "n0nce")
    assert token["token_type"] == "Bearer"
    assert set(token["scope"].split()) == set(SCOPE.split())
    keys = KeySet.import_key_set(httpx2.get(f"{server.issuer}/jwks.json").json())
    claims = jwt.decode(token["id_token"], keys, algorithms=["ES256"]).claims
    checks = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server.issuer},
        aud={"essential": True, "value": client_id},
        nonce={"essential": True, "value": "n0nce"},
        email={"essential": True, "value": "ada@example.com"},
    )
    checks.validate(claims)
    told = client.get(f"{server.issuer}/userinfo").json()
    assert told["sub"] == claims["sub"]
    assert told["name"] == "Ada"


def test_a_refresh_turns_the_refresh_token(server: Serving, connect: Connect):
    """S19: the one that was used is spent, and says so (OAuth 2.1 §4.3.1)."""
    client = connect("web")
    first = sign_in(server, client)
    second = dict(client.refresh_token(client.metadata["token_endpoint"]))
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    third = dict(client.refresh_token(client.metadata["token_endpoint"]))
    assert third["refresh_token"] != second["refresh_token"]
    with pytest.raises(OAuthError, match="invalid_grant"):
        client.refresh_token(client.metadata["token_endpoint"], first["refresh_token"])


def test_introspection_and_revocation(server: Serving, connect: Connect):
    """S37: a token that was given back stands no more (RFC 7009, RFC 7662)."""
    client = connect("web")
    token = sign_in(server, client)
    introspect, revoke = (
        client.metadata[f"{name}_endpoint"] for name in ("introspection", "revocation")
    )
    before = client.introspect_token(introspect, token["access_token"]).json()
    assert before["active"] is True
    assert before["aud"] == NOTES
    assert client.revoke_token(revoke, token["refresh_token"]).status_code == 200
    for each in (token["access_token"], token["refresh_token"]):
        assert client.introspect_token(introspect, each).json() == {"active": False}


def test_client_credentials(connect: Connect):
    """A service without a person (RFC 6749 §4.4)."""
    client = connect("service")
    token = client.fetch_token(grant_type="client_credentials", scope="notes:write")
    assert token["scope"] == "notes:write"
    assert "refresh_token" not in token


def test_a_wrong_verifier_is_refused(server: Serving, connect: Connect):
    """PKCE is not for show (RFC 7636 §4.6)."""
    client = connect("web")
    url, state = client.create_authorization_url(
        f"{server.issuer}/authorize", code_verifier=generate_token(64)
    )
    back = server.allow(url)
    assert re.search(r"[?&]iss=", back)
    with pytest.raises(OAuthError, match="invalid_grant"):
        client.fetch_token(
            authorization_response=back, state=state, code_verifier=generate_token(64)
        )


def test_it_exchanges_a_token(server: Serving, connect: Connect):
    """RFC 8693: by its request for grants of any kind."""
    grants = ("--grant-type", "client_credentials", "--grant-type", "token-exchange")
    server.register("trader", *grants, "--scope", "notes:read notes:write")
    client = connect("trader")
    whole = client.fetch_token(grant_type="client_credentials", scope="notes:read notes:write")
    asked = {
        "grant_type": GRANT_TYPE,
        "subject_token": whole["access_token"],
        "subject_token_type": ACCESS_TOKEN,
        "scope": "notes:read",
    }
    less = client.fetch_token(**asked)
    assert (less["scope"], less["issued_token_type"]) == ("notes:read", ACCESS_TOKEN)
    with pytest.raises(OAuthError, match="invalid_scope"):
        client.fetch_token(
            **asked | {"subject_token": less["access_token"], "scope": "notes:write"}
        )
