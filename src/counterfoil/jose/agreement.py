"""Key agreement by ECDH-ES on P-256 and X25519, and its key derivation (RFC 7518 §4.6, 8037 §3.2).

A point that is not on the curve, or of small order, is refused before anything is derived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError

Public: TypeAlias = ec.EllipticCurvePublicKey | x25519.X25519PublicKey
Private: TypeAlias = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey

P256: Final = "P-256"
X25519: Final = "X25519"
CURVES: Final = (P256, X25519)
MEMBERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {P256: frozenset({"crv", "kty", "x", "y"}), X25519: frozenset({"crv", "kty", "x"})}
)
"""The members that a public JWK must have."""
SCALAR_BYTES: Final = 48
"""Chance that a private key is made of; more than a scalar has, so that none is likelier."""
_COORDINATE: Final = 32
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def generate(crv: str) -> Private:
    """Make a private key with the operating system's chance."""
    if crv == X25519:
        return x25519.X25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def private_from(chance: bytes, crv: str) -> Private:
    """Make the private key of these `SCALAR_BYTES`: the same ones give the same key."""
    if crv == X25519:
        return x25519.X25519PrivateKey.from_private_bytes(chance[:_COORDINATE])
    scalar = int.from_bytes(chance, "big") % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def curve_of(native: Public) -> str:
    """The curve of a key."""
    return P256 if isinstance(native, ec.EllipticCurvePublicKey) else X25519


def members_of(native: Public) -> dict[str, str]:
    """The members of a public JWK, in the order of their names."""
    if isinstance(native, ec.EllipticCurvePublicKey):
        numbers = native.public_numbers()
        x, y = (_text(each.to_bytes(_COORDINATE, "big")) for each in (numbers.x, numbers.y))
        return {"crv": P256, "kty": "EC", "x": x, "y": y}
    return {"crv": X25519, "kty": "OKP", "x": _text(native.public_bytes_raw())}


def secret_member_of(native: Private) -> str:
    """The member `d` of a private JWK."""
    if isinstance(native, ec.EllipticCurvePrivateKey):
        return _text(native.private_numbers().private_value.to_bytes(_COORDINATE, "big"))
    return _text(native.private_bytes_raw())


def thumbprint(native: Public) -> str:
    """The SHA-256 thumbprint (RFC 7638 §3), base64url."""
    return _text(hashlib.sha256(msgspec.json.encode(members_of(native))).digest())


def public_key_of(jwk: Mapping[str, object]) -> Public:
    """The public key in these members.

    Raises `JoseError`: `unsupported_key` for another kind or curve, `bad_key` for what is no
    point of the curve.
    """
    kind = jwk.get("kty"), jwk.get("crv")
    try:
        if kind == ("OKP", X25519):
            return x25519.X25519PublicKey.from_public_bytes(_bytes_in(jwk, "x"))
        if kind == ("EC", P256):
            x, y = (int.from_bytes(_bytes_in(jwk, name), "big") for name in ("x", "y"))
            return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise JoseError("bad_key", "The key is no point of its curve.") from None
    raise JoseError("unsupported_key", f"A key to encrypt to must be on {' or '.join(CURVES)}.")


def private_key_of(jwk: Mapping[str, object]) -> Private:
    """The private key in these members; errors as `public_key_of`."""
    public, secret = public_key_of(jwk), _bytes_in(jwk, "d")
    private: Private
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            private = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
        else:
            private = x25519.X25519PrivateKey.from_private_bytes(secret)
    except ValueError:
        raise JoseError("bad_key", "The JWK's d is no private key of its curve.") from None
    if members_of(private.public_key()) != members_of(public):
        raise JoseError("bad_key", "The JWK's d is not that of its public half.")
    return private


def agreed(private: Private, public: Public) -> bytes:
    """The secret that two keys of one curve agree on; `JoseError` (`bad_key`) if there is none."""
    try:
        if isinstance(private, ec.EllipticCurvePrivateKey):
            if isinstance(public, ec.EllipticCurvePublicKey):
                return private.exchange(ec.ECDH(), public)
        elif isinstance(public, x25519.X25519PublicKey):
            return private.exchange(public)
    except ValueError:
        raise JoseError("bad_key", "The key is a point of small order.") from None
    raise JoseError("bad_key", "The two keys are not on the same curve.")


def derived(secret: bytes, algorithm: str, bits: int, parties: tuple[bytes, bytes]) -> bytes:
    """Concat KDF with SHA-256 (RFC 7518 §4.6.2); `parties`: what `apu` and `apv` say, decoded."""
    info = b"".join(_counted(each) for each in (algorithm.encode("ascii"), *parties))
    return ConcatKDFHash(SHA256(), bits // 8, info + bits.to_bytes(4, "big")).derive(secret)


def _counted(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _text(value: bytes) -> str:
    return jws.encode_part(value).decode("ascii")


def _bytes_in(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise JoseError("bad_key", f"The key's {name} must be base64url.")
    try:
        decoded = jws.decode_part(value.encode("ascii"))
    except JoseError:
        raise JoseError("bad_key", f"The key's {name} must be base64url.") from None
    if len(decoded) != _COORDINATE:
        raise JoseError("bad_key", f"The key's {name} must have {_COORDINATE} bytes.")
    return decoded
