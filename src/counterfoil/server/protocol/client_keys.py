"""The public keys of a client: read at registration, and for each assertion (RFC 7591 §2)."""

from typing import Final

import msgspec

from counterfoil.jose import strict_json
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PublicKey
from counterfoil.oauth.client_assertion import ALGORITHMS
from counterfoil.oauth.errors import OAuthError, invalid_request

MOST_KEYS: Final = 8
LONGEST: Final = 16_384
_IMPLIED: Final = {"EC": "ES256", "OKP": "EdDSA"}


def spelled(unverified: bytes | str) -> str:
    """Read a JWK Set that somebody wants to register, and spell it as it is kept.

    Each key is pinned to its ``alg``, which only an RSA key must name; a key without ``kid`` is
    named by its thumbprint (RFC 7638).

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong with it.
    """
    text = unverified.encode("utf-8", "replace") if isinstance(unverified, str) else unverified
    if len(text) > LONGEST:
        raise _wrong(f"it is longer than {LONGEST} bytes")
    try:
        entries = strict_json.decode_object(text).get("keys")
        if not isinstance(entries, list) or not 0 < len(entries) <= MOST_KEYS:
            raise _wrong(f"it must have an array named keys with 1 to {MOST_KEYS} keys")
        keys = [_key_in(entry) for entry in entries]
        jwks = KeySet(keys).as_jwks()
    except JoseError as error:
        raise _wrong(str(error).rstrip(".")) from None
    if len({key.thumbprint for key in keys}) < len(keys):
        raise _wrong("one key stands in it twice")
    return msgspec.json.encode(jwks).decode()


def _key_in(entry: object) -> PublicKey:
    if not isinstance(entry, dict):
        raise _wrong("a key is no object")
    algorithm = None if "alg" in entry else _IMPLIED.get(str(entry.get("kty")))
    key = PublicKey.from_jwk(entry, algorithm)
    if key.algorithm.name not in ALGORITHMS:
        raise _wrong(f"a client proves itself by one of {', '.join(ALGORITHMS)}")
    return key


def _wrong(why: str) -> OAuthError:
    return invalid_request(f"The jwks cannot be registered: {why}.")


def keys_in(jwks: str) -> KeySet:
    """Give the keys of what ``spelled`` gave; of an empty text none."""
    return KeySet.from_jwks(msgspec.json.decode(jwks)) if jwks else KeySet()


def thumbprints_in(jwks: str) -> frozenset[str]:
    """Give the keys' thumbprints: what they are, whatever they are called."""
    return frozenset(key.thumbprint for key in keys_in(jwks).values())
