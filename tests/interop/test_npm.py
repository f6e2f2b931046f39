"""Clients and verifiers from npm, in Node, over a socket (S65)."""

import json
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from counterfoil.client import Client
from counterfoil.guard import Guard, Options, Proofs
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth import pkce
from counterfoil.oauth.delegation import ACCESS_TOKEN
from tests.client_keys import jwks_of, key
from tests.guard.test_asgi import Served, notes_app
from tests.interop.serving import CALLBACK, GOODBYE, NOTES, SCOPE, Serving
from tests.receiving import receiver

pytestmark = pytest.mark.npm
HERE = Path(__file__).parent


@pytest.mark.parametrize("client_id", ["web", "spa"])
def test_openid_client_goes_the_whole_line(server: Serving, client_id: str):
    """S37, S65: discovery, code flow, userinfo, refresh, introspection, and back."""
    given = {
        "issuer": server.issuer,
        "client_id": client_id,
        "client_secret": server.secrets[client_id],
        "redirect_uri": CALLBACK,
        "post_logout_redirect_uri": GOODBYE,
        "scope": SCOPE,
    }
    saw = conversation("openid_client.mjs", given, server.allow)
    assert saw["claims"]["iss"] == server.issuer
    assert saw["claims"]["email"] == "ada@example.com"
    assert saw["userinfo"]["name"] == "Ada"
    assert saw["turned"] is True
    assert saw["refused"] == "invalid_grant"
    if client_id == "web":
        assert saw["before"]["active"] is True
        assert saw["before"]["aud"] == NOTES
        assert saw["after"] == {"active": False}
    assert saw["logout"].startswith(f"{server.issuer}/logout?")


@pytest.mark.parametrize("nonces", ["off", "required"])
@pytest.mark.parametrize("client_id", ["web", "spa"])
def test_openid_client_binds_its_tokens_to_a_key(
    server: Serving, strict: Serving, client_id: str, nonces: str
):
    """S20: code flow, userinfo, refresh and an API, with nonces and without (RFC 9449)."""
    at = strict if nonces == "required" else server
    options = Options(proofs=Proofs(nonces=nonces == "required"))
    with Guard(at.issuer, audience=NOTES, options=options) as guard:
        assert guard.wait_until_fresh(10)
        with Served(GuardMiddleware(notes_app(), guard)) as api:
            given = {
                "issuer": at.issuer,
                "client_id": client_id,
                "client_secret": at.secrets[client_id],
                "redirect_uri": CALLBACK,
                "scope": SCOPE,
                "api": f"{api.url}/notes",
            }
            saw = conversation("openid_client_dpop.mjs", given, at.allow)
    assert [each.lower() for each in saw["token_types"]] == ["dpop", "dpop"]
    assert saw["userinfo"]["sub"] == saw["claims"]["sub"]
    assert saw["turned"] is True
    assert saw["api"] == 200
    assert saw["as_bearer"] == "invalid_token"
    assert saw["with_another_key"] == "invalid_token"
    assert saw["without_the_key"] == "invalid_grant"


def test_jose_verifies_an_access_token_through_jwks_uri(server: Serving):
    """S65: every verifier of JWTs can check our tokens (RFC 9068 §4)."""
    token = service_token(server)
    saw = verified(token, server.issuer, NOTES)
    assert saw["protectedHeader"]["typ"] == "at+jwt"
    assert saw["payload"]["client_id"] == "service"
    assert saw["payload"]["scope"] == "notes:read"


def test_jose_refuses_what_is_not_for_it(server: Serving):
    token = service_token(server)
    head, _, signature = token.rpartition(".")
    other = "A" if signature[0] != "A" else "B"
    assert verified(token, server.issuer, "https://other.example") == {
        "refused": "ERR_JWT_CLAIM_VALIDATION_FAILED"
    }
    assert verified(f"{head}.{other}{signature[1:]}", server.issuer, NOTES) == {
        "refused": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    }


def test_jose_verifies_a_logout_token(server: Serving):
    """OpenID Connect Back-Channel Logout §2.6, by a library that apps use for it."""
    with receiver() as listening:
        server.register(
            "told", "--redirect-uri", CALLBACK, "--scope", SCOPE,
            "--backchannel-logout-uri", listening.url,
        )  # fmt: skip
        verifier = "v" * 43
        asked = {
            "response_type": "code",
            "client_id": "told",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "code_challenge": pkce.challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        back = server.allow(f"{server.issuer}/authorize?{urlencode(asked)}")
        form = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(back).query)["code"][0],
            "code_verifier": verifier,
            "redirect_uri": CALLBACK,
        }
        auth = ("told", server.secrets["told"])
        answer = httpx2.post(f"{server.issuer}/token", data=form, auth=auth, trust_env=False)
        known = unverified_claims(answer.json()["id_token"])
        server.counterfoil("session", "end", str(known["sid"]), "--yes")
        token = listening.next()
    saw = verified(token, server.issuer, "told", typ="logout+jwt")
    assert (saw["payload"]["sub"], saw["payload"]["sid"]) == (known["sub"], known["sid"])
    assert verified(token, server.issuer, "told")["refused"] == "ERR_JWT_CLAIM_VALIDATION_FAILED"


def service_token(server: Serving) -> str:
    with Client(server.issuer, "service", server.secrets["service"]) as client:
        return client.client_credentials("notes:read").access_token


@pytest.mark.parametrize("way", [(), ("--curve", "X25519"), ("--shared",)])
def test_jose_opens_an_encrypted_token(server: Serving, way: tuple[str, ...]):
    """S65, S68: with the API's key, and then as any other token."""
    name = "-".join(("vault", *way)).replace("--", "").lower()
    uri, client_id = f"https://{name}.example", f"keeper-{name}"
    server.counterfoil("api", "add", uri, "--scope", f"{name}:open=Open it")
    key = json.loads(server.counterfoil("api", "key", "add", uri, *way, "--json"))
    server.counterfoil("api", "key", "activate", uri, key["kid"])
    server.counterfoil("api", "update", uri, "--policy", "encryption=true")
    server.register(client_id, "--scope", f"{name}:open")
    with Client(server.issuer, client_id, server.secrets[client_id]) as client:
        token = client.client_credentials(f"{name}:open").access_token
    opened = verified(token, server.issuer, uri, json.dumps(key["secret"]))
    assert opened["payload"]["sub"] == client_id
    assert (opened["outer"]["typ"], opened["outer"]["cty"]) == ("at+jwt", "JWT")
    other = json.loads(server.counterfoil("api", "key", "add", uri, *way, "--json"))
    refused = verified(token, server.issuer, uri, json.dumps(other["secret"]))
    assert refused == {"refused": "ERR_JWE_DECRYPTION_FAILED"}


def verified(
    token: str, issuer: str, audience: str, key: str = "", typ: str = "at+jwt"
) -> dict[str, Any]:
    script = (
        ["open_token.mjs", issuer, audience, key]
        if key
        else ["verify_token.mjs", issuer, audience, typ]
    )
    answer = subprocess.run(
        ["node", *script],
        cwd=HERE,
        input=token,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(answer.stdout))


def conversation(script: str, given: object, allow: Callable[[Any], str]) -> dict[str, Any]:
    """Tell a script what it needs, play the browser for it, and give its last word."""
    with subprocess.Popen(
        ["node", script],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{json.dumps(given)}\n")
        process.stdin.flush()
        first = process.stdout.readline()
        back = f"{allow(json.loads(first))}\n" if first else ""
        last, errors = process.communicate(back)
        assert last, errors
        return dict(json.loads(last))


@pytest.mark.parametrize("client_id", ["tv", "box"])
def test_openid_client_is_let_in_as_a_device(server: Serving, client_id: str):
    """RFC 8628: asks, waits, is let in; then userinfo, refresh, introspection."""
    saw = device(server, {"client_id": client_id, "client_secret": server.secrets[client_id]})
    assert saw["claims"]["email"] == saw["userinfo"]["email"] == "ada@example.com"
    assert set(saw["scope"].split()) == set(SCOPE.split())


def test_openid_client_hears_that_a_device_was_turned_away(server: Serving):
    """RFC 8628 §3.5."""
    assert device(server, {"client_id": "tv"}, "deny") == {"refused": "access_denied"}


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "RS256"])
def test_openid_client_proves_itself_by_a_key(server: Serving, tmp_path: Path, algorithm: str):
    """RFC 7523: at the device authorization, token, introspection and revocation endpoints."""
    private = key(algorithm)
    file = tmp_path / "jwks.json"
    file.write_text(jwks_of(private))
    client_id = f"keyed-{algorithm}"
    grants = ("--grant-type", "device_code", "--grant-type", "refresh_token")
    server.register(client_id, *grants, "--scope", SCOPE, "--jwks", str(file))
    assert server.secrets[client_id] is None
    given = {
        "client_id": client_id,
        "pkcs8": b64encode(private.to_der()).decode(),
        "kid": private.public.kid,
        "algorithm": algorithm,
    }
    saw = device(server, given)
    assert saw["claims"]["aud"] == client_id
    assert saw["introspected"]["active"] is True


def device(server: Serving, given: dict[str, Any], decision: str = "allow") -> dict[str, Any]:
    """Begin at openid-client, answer at our page, and give what the client saw."""
    asked = {"issuer": server.issuer, "scope": SCOPE} | given
    script = "openid_client_device.mjs"

    def answer(begun: dict[str, Any]) -> str:
        page = server.let_in(begun["verification_uri_complete"], decision)
        return "connected" if "connected" in page else "turned away"

    return conversation(script, asked, answer)


def test_openid_client_exchanges_a_token(server: Serving):
    """RFC 8693: another's client narrows a token, and is told what it asked too much."""
    grants = ("--grant-type", "client_credentials", "--grant-type", "token-exchange")
    server.register("exchanger", *grants, "--scope", "notes:read notes:write")
    secret = server.secrets["exchanger"]
    with Client(server.issuer, "exchanger", secret) as client:
        whole = client.client_credentials().access_token
    given = {"issuer": server.issuer, "client_id": "exchanger", "client_secret": secret}
    asked = {"subject_token": whole, "subject_token_type": ACCESS_TOKEN, "scope": "notes:read"}
    saw = exchanged(given | {"parameters": asked})
    assert saw["issued_token_type"] == ACCESS_TOKEN
    assert verified(saw["access_token"], server.issuer, NOTES)["payload"]["scope"] == "notes:read"
    more = asked | {"subject_token": saw["access_token"], "scope": "notes:write"}
    assert exchanged(given | {"parameters": more}) == {"refused": "invalid_scope"}


def exchanged(given: dict[str, Any]) -> dict[str, Any]:
    answer = subprocess.run(
        ["node", "openid_client_exchange.mjs"],
        cwd=HERE,
        input=f"{json.dumps(given)}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(answer.stdout))
