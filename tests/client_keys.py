"""A client that proves itself by assertions (RFC 7523), and every way to make them wrong."""

import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx2
import msgspec

from counterfoil.jose.jwt import Signer
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.client_assertion import ASSERTION_TYPE, TYPE
from tests.installation import Installation


def key(algorithm: str = "ES256", name: str = "first") -> PrivateKey:
    """The key of a test, made once: RSA takes its time."""
    return _made(algorithm, name)


@cache
def _made(algorithm: str, name: str) -> PrivateKey:
    return PrivateKey.generate(algorithm, f"{name} {algorithm}".replace(" ", "-"))


def jwks_of(*keys: PrivateKey) -> str:
    """The JWK Set of these keys, as it is registered."""
    return msgspec.json.encode({"keys": [each.public.as_jwk() for each in keys]}).decode()


def claims_of(place: Installation, client_id: str, **changes: Any) -> dict[str, Any]:
    """The claims of a right assertion, but for the changes; what is ``None`` is left out."""
    now = int(place.clock())
    whole = {
        "iss": client_id,
        "sub": client_id,
        "aud": place.issuer,
        "jti": secrets.token_hex(8),
        "iat": now,
        "exp": now + 60,
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def assertion(
    place: Installation, client_id: str, signer: PrivateKey | None = None, **changes: Any
) -> str:
    """A signed assertion; ``changes`` are to its claims."""
    return Signer(signer or key(), TYPE).sign(claims_of(place, client_id, **changes))


def proved_by(unverified: str) -> dict[str, str]:
    """The two parameters that carry an assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": unverified}


async def post(place: Installation, path: str, form: Mapping[str, str]) -> httpx2.Response:
    """Post a form, with no credentials but those in it."""
    async with place.browser() as browser:
        return await browser.post(path, data=dict(form))


async def token(place: Installation, unverified: str, **form: str) -> httpx2.Response:
    """Ask for a token of the client itself."""
    asked = {"grant_type": "client_credentials"} | proved_by(unverified) | form
    return await post(place, "/token", asked)
