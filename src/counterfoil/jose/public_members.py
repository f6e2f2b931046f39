"""The members of public JSON Web Keys, read and written (RFC 7518 §6, 7638, 8037 §2).

cryptography decides what is a key; here stands only how its numbers are spelled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError

Native: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

P256: Final = "P-256"
ED25519: Final = "Ed25519"
_COORDINATE: Final = 32


def written(native: Native) -> dict[str, str]:
    """The public members of a key, `kty` among them, in the order of their names."""
    if isinstance(native, ec.EllipticCurvePublicKey):
        point = native.public_numbers()
        x, y = (_text(each.to_bytes(_COORDINATE, "big")) for each in (point.x, point.y))
        return {"crv": P256, "kty": "EC", "x": x, "y": y}
    if isinstance(native, ed25519.Ed25519PublicKey):
        return {"crv": ED25519, "kty": "OKP", "x": _text(native.public_bytes_raw())}
    numbers = native.public_numbers()
    return {"e": _shortest(numbers.e), "kty": "RSA", "n": _shortest(numbers.n)}


def thumbprint(native: Native) -> str:
    """The SHA-256 thumbprint (RFC 7638 §3), base64url."""
    return _text(hashlib.sha256(msgspec.json.encode(written(native))).digest())


def read(jwk: Mapping[str, object]) -> Native:
    """The public key in this JWK; `JoseError` (`bad_key`) where it is none of these."""
    try:
        match jwk.get("kty"), jwk.get("crv"):
            case "EC", "P-256":
                x, y = _number_in(jwk, "x"), _number_in(jwk, "y")
                return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
            case "OKP", "Ed25519":
                return ed25519.Ed25519PublicKey.from_public_bytes(_octets_in(jwk, "x"))
            case "RSA", _:
                return rsa.RSAPublicNumbers(_number_in(jwk, "e"), _number_in(jwk, "n")).public_key()
    except (ValueError, OverflowError, UnsupportedAlgorithm):
        raise JoseError("bad_key", f"The JWK is not a valid {jwk.get('kty')} key.") from None
    raise JoseError("bad_key", "The JWK is not a public key of a supported kind.")


def _number_in(jwk: Mapping[str, object], name: str) -> int:
    return int.from_bytes(_octets_in(jwk, name), "big")


def _octets_in(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if isinstance(value, str) and value.isascii():
        try:
            return jws.decode_part(value.encode("ascii"))
        except JoseError:
            pass
    raise JoseError("bad_key", f"The JWK's {name} must be base64url.")


def _shortest(number: int) -> str:
    """As few octets as will do (RFC 7518 §2, Base64urlUInt)."""
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _text(octets: bytes) -> str:
    return jws.encode_part(octets).decode("ascii")
