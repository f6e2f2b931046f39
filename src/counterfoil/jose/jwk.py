"""JSON Web Keys in and out of cryptography's own key objects.

RFC 7517, 7518 §6, 7638, 8037 §2 and 9964. Private ones are read by joserfc, which is loaded with
the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from counterfoil.jose import akp, public_members
from counterfoil.jose.algorithms import (
    EVERY,
    Algorithm,
    NativePrivateKey,
    NativePublicKey,
    named,
)
from counterfoil.jose.errors import JoseError

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})

_PUBLIC_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e")}
)
_SECRET_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("d",), "OKP": ("d",), "RSA": ("d", "p", "q", "dp", "dq", "qi")}
)


def algorithm_of(jwk: Mapping[str, object], wanted: str | None) -> Algorithm:
    """The one algorithm that this JWK is pinned to: its `alg`, or else `wanted`.

    Raises `JoseError`: `unsupported_key` if neither names an algorithm of ours, if the
    type or curve is another algorithm's, or if the key is not meant for signatures;
    `wrong_algorithm` if both name one and differ.
    """
    name = jwk.get("alg", wanted)
    if name is None:
        raise JoseError("unsupported_key", "The JWK names no algorithm and none was given.")
    if not isinstance(name, str) or name not in EVERY:
        raise JoseError("unsupported_key", "The JWK is for an algorithm that is not supported.")
    if wanted is not None and name != wanted:
        raise JoseError("wrong_algorithm", f"The JWK is for {name}, not for {wanted}.")
    algorithm = named(name)
    if jwk.get("kty") != algorithm.kty:
        raise JoseError("unsupported_key", f"A JWK for {name} must have kty {algorithm.kty}.")
    if algorithm.kty == akp.KTY and "alg" not in jwk:
        raise JoseError("unsupported_key", f"A JWK with kty {akp.KTY} must have an alg.")
    if algorithm.crv is not None and jwk.get("crv") != algorithm.crv:
        raise JoseError("unsupported_key", f"A JWK for {name} must have crv {algorithm.crv}.")
    return algorithm


def check_use(jwk: Mapping[str, object], operation: str) -> None:
    """Refuse a JWK whose `use` or `key_ops` exclude this operation (RFC 7517 §4.2, §4.3)."""
    if jwk.get("use", "sig") != "sig":
        raise JoseError("unsupported_key", "The JWK's use is not sig.")
    operations = jwk.get("key_ops", [operation])
    if not isinstance(operations, (list, tuple)) or operation not in operations:
        raise JoseError("unsupported_key", f"The JWK's key_ops do not allow to {operation}.")


def kid_of(jwk: Mapping[str, object]) -> str | None:
    """The JWK's `kid`, or None if it has none; `JoseError` (`bad_key`) if it is no text."""
    kid = jwk.get("kid")
    if kid is not None and (not isinstance(kid, str) or not kid):
        raise JoseError("bad_key", "A JWK's kid must be a string with at least one character.")
    return kid


def public_key_of(jwk: Mapping[str, object], kty: str) -> NativePublicKey:
    """The public key in this JWK; `JoseError` (`bad_key`) if its members are not valid."""
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise JoseError(
            "bad_key", "A JWK with private members was given where a public one is due."
        )
    if kty == akp.KTY:
        return akp.public_key_of(jwk)
    return public_members.read(jwk)


def private_key_of(jwk: Mapping[str, object], kty: str) -> NativePrivateKey:
    """The private key in this JWK; `JoseError` (`bad_key`) if its members are not valid."""
    if ("priv" if kty == akp.KTY else "d") not in jwk:
        raise JoseError("bad_key", "The JWK holds no private key.")
    if kty == akp.KTY:
        return akp.private_key_of(jwk)
    native = _imported(jwk, kty, _PUBLIC_MEMBERS[kty] + _SECRET_MEMBERS[kty])
    if isinstance(
        native,
        (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, rsa.RSAPrivateKey),
    ):
        return native
    raise JoseError("bad_key", "The JWK is not a private key of a supported kind.")


def members_of(native: NativePublicKey) -> dict[str, str]:
    """The public members of the JWK of this key, `kty` among them, in the order of their names."""
    if isinstance(native, mldsa.MLDSA65PublicKey):
        return akp.members_of(native)
    return public_members.written(native)


def thumbprint(native: NativePublicKey) -> str:
    """The SHA-256 thumbprint of this key (RFC 7638 §3), base64url."""
    if isinstance(native, mldsa.MLDSA65PublicKey):
        return akp.thumbprint(native)
    return public_members.thumbprint(native)


def _imported(jwk: Mapping[str, object], kty: str, names: tuple[str, ...]) -> object:
    members: dict[str, str | list[str]] = {"kty": kty}
    for name in names:
        value = jwk.get(name)
        if isinstance(value, str):
            members[name] = value
        elif value is not None or name in _PUBLIC_MEMBERS[kty]:
            raise JoseError("bad_key", f"The JWK's {name} must be a string.")
    from counterfoil.jose import joserfc_keys

    return joserfc_keys.imported(members, kty)
