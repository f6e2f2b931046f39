"""The least that a careful person would write to verify one issuer's ES256 access tokens.

No strict JSON, no revocation, no reasons: it is what the guard is compared with.
"""

import time
from base64 import urlsafe_b64decode

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct


class Header(Struct, frozen=True):
    alg: str
    kid: str
    typ: str


class Claims(Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    client_id: str
    jti: str
    scope: str


class HandWritten:
    """Verifies with one key. Everything that can be prepared is prepared."""

    def __init__(self, jwk: dict[str, str], issuer: str, audience: str) -> None:
        x, y = (int.from_bytes(_decoded(jwk[name])) for name in ("x", "y"))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        self._verify = key.verify
        self._scheme = ec.ECDSA(SHA256())
        self._header = Header("ES256", jwk["kid"], "at+jwt")
        self._issuer = issuer
        self._audience = audience
        self._header_of = msgspec.json.Decoder(Header).decode
        self._claims_of = msgspec.json.Decoder(Claims).decode

    def verify(self, token: str) -> Claims:
        """Give the claims of a genuine token; raises otherwise."""
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        if self._header_of(_decoded(header)) != self._header:
            raise ValueError("header")
        raw = _decoded(signature)
        der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        self._verify(der, signed.encode(), self._scheme)
        claims = self._claims_of(_decoded(payload))
        if claims.iss != self._issuer or claims.aud != self._audience or claims.exp <= time.time():
            raise ValueError("claims")
        return claims


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "===")
