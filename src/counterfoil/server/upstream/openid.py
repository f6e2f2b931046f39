"""Sign-in at an OpenID Provider: the request, the code, the ID token (OpenID Connect Core §3.1).

PKCE (RFC 7636), ``state``, ``nonce`` and ``iss`` (RFC 9207) are always in use.
"""

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote_plus

from msgspec.structs import replace

from counterfoil.client.errors import NotTrusted
from counterfoil.client.id_token import LEEWAY, Expected, Identity, identity_in
from counterfoil.client.tokens import Tokens, tokens_in
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.net.exchange import Exchange, Request
from counterfoil.net.http import BadAnswer
from counterfoil.oauth import pkce
from counterfoil.oauth.parameters import appended
from counterfoil.server.records.provider import POST
from counterfoil.server.upstream.arrival import Answered, Arrival, Asked
from counterfoil.server.upstream.issuer import Issuer, Metadata

_HASHES: Final[Mapping[str, Any]] = MappingProxyType(
    {"RS256": hashlib.sha256, "PS256": hashlib.sha256, "ES256": hashlib.sha256}
    | dict.fromkeys(("EdDSA", "Ed25519"), hashlib.sha512)
)
_LONGEST: Final = 255
"""Of a subject (OpenID Connect Core §2), and of what is shown."""


def authorization_url(
    metadata: Metadata, asked: Asked, state: str, further: Mapping[str, str]
) -> str:
    """Write the authentication request (§3.1.2.1); ``further`` never replaces ours."""
    parameters = {
        **further,
        "response_type": "code",
        "client_id": asked.provider.client_id,
        "redirect_uri": asked.redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *asked.provider.policy.scope.split()))),
        "state": state,
        "nonce": asked.nonce,
        "code_challenge": pkce.challenge_of(asked.code_verifier),
        "code_challenge_method": pkce.METHOD,
    }
    return appended(metadata.address("authorization_endpoint"), parameters)


def demand_from(issuer: Issuer, metadata: Metadata, unverified_iss: str | None) -> None:
    """Refuse an answer of another issuer, or one that left ``iss`` out (RFC 9207 §2.4).

    Raises:
        NotTrusted: the code, if there is one, must not be sent anywhere.
    """
    if unverified_iss is None:
        if metadata.authorization_response_iss_parameter_supported:
            raise NotTrusted("the answer does not name its issuer")
    elif not issuer.names(unverified_iss):
        raise NotTrusted("the answer is from another issuer")


def arrive(issuer: Issuer, asked: Asked, answered: Answered, now: float) -> Exchange[Arrival]:
    """Exchange the code, and verify who it is.

    Raises:
        NotTrusted: what came is not this provider's, not for us, or not of this sign-in.
        HttpFailure: the provider cannot be reached, or answers something else.
    """
    metadata = yield from issuer.metadata()
    demand_from(issuer, metadata, answered.unverified_iss)
    form = {
        "grant_type": "authorization_code",
        "code": answered.unverified_code,
        "redirect_uri": asked.redirect_uri,
        "code_verifier": asked.code_verifier,
    }
    tokens = yield from tokens_for(metadata.address("token_endpoint"), asked, form, now)
    if tokens.id_token is None:
        raise NotTrusted("there is no ID token: who it is was not said")
    identity = yield from _identified(issuer, asked, tokens.id_token, now)
    if answered.unverified_iss not in (None, identity.issuer):
        raise NotTrusted("the answer and the ID token name two issuers")
    _demand_hash(identity, tokens.id_token, tokens.access_token)
    said = yield from _said(metadata, identity, tokens)
    return replace(_arrival(identity, said), tokens=tokens)


def tokens_for(url: str, asked: Asked, form: Mapping[str, str], now: float) -> Exchange[Tokens]:
    """Ask the token endpoint for something, as the client that we are there (RFC 6749 §2.3).

    Raises:
        BadAnswer: with the status, where it is refused.
    """
    answer = yield introduced(url, asked, form)
    if answer.status != 200:
        raise BadAnswer(f"{url} answered {answer.status}, not 200", answer.status)
    return tokens_in(answer.json(), asked.provider.policy.scope, now)


def introduced(url: str, asked: Asked, form: Mapping[str, str]) -> Request:
    """Say who we are: by the secret in the header, or in the form where that is wanted."""
    client_id, secret = asked.provider.client_id, asked.secret.reveal()
    if asked.provider.policy.authentication == POST:
        return Request(url, {**form, "client_id": client_id, "client_secret": secret})
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return Request(url, form, f"Basic {b64encode(pair.encode()).decode()}")


def _identified(issuer: Issuer, asked: Asked, unverified: str, now: float) -> Exchange[Identity]:
    keys = yield from issuer.keys_for(unverified)
    try:
        tenant = jwt.unverified_claims(unverified).get("tid")
    except JoseError as error:
        raise NotTrusted(f"the ID token: {error}") from None
    expected = Expected(
        issuer=issuer.of_tenant(tenant), client_id=asked.provider.client_id, nonce=asked.nonce
    )
    identity = identity_in(unverified, keys, expected, now)
    if not 0 < len(identity.subject) <= _LONGEST or not identity.subject.isprintable():
        raise NotTrusted("the ID token names nobody")
    _demand_fresh(asked, identity.auth_time, now)
    return identity


def _demand_fresh(asked: Asked, auth_time: int | None, now: float) -> None:
    if not asked.provider.policy.dates_sign_ins:
        return
    if auth_time is None:
        raise NotTrusted("the ID token does not say when the person signed in")
    if auth_time > now + LEEWAY:
        raise NotTrusted("the ID token says that the person signs in later")
    if asked.since is not None and auth_time < asked.since - LEEWAY:
        raise NotTrusted("the person was not asked to sign in anew")


def _demand_hash(identity: Identity, id_token: str, access_token: str) -> None:
    """Demand that the two tokens go together, where the ID token says so (§3.1.3.8)."""
    at_hash = identity.claims.get("at_hash")
    hashing = _HASHES.get(str(jwt.unverified_header(id_token).get("alg")))
    if at_hash is None or hashing is None:
        return
    digest: bytes = hashing(access_token.encode()).digest()
    right = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not hmac.compare_digest(str(at_hash).encode(), right):
        raise NotTrusted("the access token is not the one of the ID token")


def _said(metadata: Metadata, identity: Identity, tokens: Tokens) -> Exchange[Mapping[str, object]]:
    """Give the claims about the person: where the ID token has none, UserInfo is asked (§5.3)."""
    if "email" in identity.claims or not metadata.userinfo_endpoint:
        return identity.claims
    url = metadata.address("userinfo_endpoint")
    answer = yield Request(url, authorization=f"Bearer {tokens.access_token}")
    if answer.status != 200:
        return identity.claims
    said = answer.json()
    if said.get("sub") != identity.subject:
        raise NotTrusted("UserInfo speaks of another person than the ID token")
    return said


def _arrival(identity: Identity, said: Mapping[str, object]) -> Arrival:
    amr, acr = identity.claims.get("amr"), identity.claims.get("acr")
    words = [*(amr if isinstance(amr, list) else ()), acr]
    return Arrival(
        issuer=identity.issuer,
        subject=identity.subject,
        email=text_in(said, "email") or None,
        email_verified=said.get("email_verified") is True,
        name=text_in(said, "name"),
        words=frozenset(word for word in words if isinstance(word, str)),
        auth_time=identity.auth_time,
        sid=text_in(identity.claims, "sid"),
    )


def text_in(claims: Mapping[str, object], name: str) -> str:
    """Give a claim that is a text of reasonable length and can be shown, or nothing."""
    value = claims.get(name)
    is_text = isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()
    return str(value) if is_text else ""
