"""The signature algorithms that are allowed at all, and the key that each takes (RFC 7518 §3).

`none` and the shared-secret algorithms (HS256, ...) are not here and cannot be added by a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from counterfoil.jose import akp
from counterfoil.jose.errors import JoseError

NativePublicKey: TypeAlias = (
    ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey | mldsa.MLDSA65PublicKey
)
NativePrivateKey: TypeAlias = (
    ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | rsa.RSAPrivateKey
    | mldsa.MLDSA65PrivateKey
)
Sign: TypeAlias = Callable[[bytes], bytes]
"""From the message to the JOSE signature."""
Verify: TypeAlias = Callable[[bytes, bytes], None]
"""From the JOSE signature and the message; raises `InvalidSignature`."""

MIN_RSA_BITS: Final = 2048
"""RFC 7518 §3.3 and §3.5."""
MAX_RSA_BITS: Final = 8192
"""A stranger's key (a DPoP proof carries one) must not buy unbounded work."""
MAX_RSA_EXPONENT_BITS: Final = 64


class Algorithm(msgspec.Struct, frozen=True):
    """One row of the table: `name` is the `alg` on the wire, `kty` and `crv` those of the JWK.

    `signer` and `verifier` check the key and prepare it once; they raise `JoseError`
    (`bad_key`) for a key that this algorithm does not take.
    """

    name: str
    kty: str
    crv: str | None
    generate: Callable[[], NativePrivateKey]
    signer: Callable[[object], Sign]
    verifier: Callable[[object], Verify]


def named(name: object) -> Algorithm:
    """The algorithm of this name; `JoseError` (`wrong_algorithm`) if it is not in the table."""
    algorithm = EVERY.get(name) if isinstance(name, str) else None
    if algorithm is None:
        raise JoseError("wrong_algorithm", f"The algorithm is not one of {', '.join(EVERY)}.")
    return algorithm


# ES256 (RFC 7518 §3.4): the signature is r and s, 32 bytes each.


def _generate_p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _es256_signer(key: object) -> Sign:
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise JoseError("bad_key", "ES256 takes a private key on the curve P-256.")
    sign_der, ecdsa = key.sign, ec.ECDSA(Prehashed(SHA256()))

    def sign(message: bytes) -> bytes:
        # A sequence of two numbers, none so long that its length takes two bytes (RFC 3279 §2.2.3).
        der = sign_der(sha256(message).digest(), ecdsa)
        end = 4 + der[3]
        if end >= 36 and len(der) - end >= 34:  # neither is short, as nearly always
            return der[end - 32 : end] + der[-32:]
        return _fixed(der[4:end]) + _fixed(der[end + 2 :])

    return sign


def _fixed(number: bytes) -> bytes:
    """Give a positive number of DER in 32 bytes: without its sign, and with the zeros before it."""
    return number[-32:].rjust(32, b"\0")


def _es256_verifier(key: object) -> Verify:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise JoseError("bad_key", "ES256 takes a public key on the curve P-256.")
    verify_der, ecdsa = key.verify, ec.ECDSA(Prehashed(SHA256()))

    def verify(signature: bytes, message: bytes) -> None:
        if len(signature) != 64:
            raise InvalidSignature
        verify_der(_der(signature), sha256(message).digest(), ecdsa)

    return verify


def _der(signature: bytes) -> bytes:
    """Give r and s as a sequence of two numbers, in the reverse of what a signer does."""
    r, s = _shortest(signature[:32]), _shortest(signature[32:])
    return b"\x30%c\x02%c%b\x02%c%b" % (len(r) + len(s) + 4, len(r), r, len(s), s)


def _shortest(number: bytes) -> bytes:
    """Give a positive number as DER has it: no zeros before it, but one where a sign would be."""
    digits = number.lstrip(b"\0") or b"\0"
    return digits if digits < b"\x80" else b"\0" + digits


# EdDSA (RFC 8037 §3.1), with Ed25519 only.


def _eddsa_signer(key: object) -> Sign:
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise JoseError("bad_key", "EdDSA takes a private key on the curve Ed25519.")
    return key.sign


def _eddsa_verifier(key: object) -> Verify:
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise JoseError("bad_key", "EdDSA takes a public key on the curve Ed25519.")
    return key.verify


# PS256 (RFC 7518 §3.5: a salt as long as the hash) and RS256 (§3.3).

_PSS: Final = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
_PKCS1: Final = padding.PKCS1v15()


def _generate_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS)


def _rsa_signer(name: str, scheme: padding.AsymmetricPadding) -> Callable[[object], Sign]:
    def signer(key: object) -> Sign:
        if not isinstance(key, rsa.RSAPrivateKey):
            raise JoseError("bad_key", f"{name} takes an RSA private key.")
        _check_rsa(key.public_key())
        native_sign, sha256 = key.sign, SHA256()
        return lambda message: native_sign(message, scheme, sha256)

    return signer


def _rsa_verifier(name: str, scheme: padding.AsymmetricPadding) -> Callable[[object], Verify]:
    def verifier(key: object) -> Verify:
        if not isinstance(key, rsa.RSAPublicKey):
            raise JoseError("bad_key", f"{name} takes an RSA public key.")
        _check_rsa(key)
        native_verify, sha256 = key.verify, SHA256()
        return lambda signature, message: native_verify(signature, message, scheme, sha256)

    return verifier


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise JoseError("bad_key", f"An RSA key must have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits.")
    if key.public_numbers().e.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise JoseError(
            "bad_key", f"An RSA exponent may have {MAX_RSA_EXPONENT_BITS} bits at most."
        )


# ML-DSA-65 (RFC 9964 §4), pure and with an empty context.


def _ml_dsa_signer(key: object) -> Sign:
    if not isinstance(key, mldsa.MLDSA65PrivateKey):
        raise JoseError("bad_key", "ML-DSA-65 takes a private key of ML-DSA-65.")
    return key.sign


def _ml_dsa_verifier(key: object) -> Verify:
    if not isinstance(key, mldsa.MLDSA65PublicKey):
        raise JoseError("bad_key", "ML-DSA-65 takes a public key of ML-DSA-65.")
    return key.verify


ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        row.name: row
        for row in (
            Algorithm("ES256", "EC", "P-256", _generate_p256, _es256_signer, _es256_verifier),
            Algorithm(
                "EdDSA",
                "OKP",
                "Ed25519",
                ed25519.Ed25519PrivateKey.generate,
                _eddsa_signer,
                _eddsa_verifier,
            ),
            Algorithm(
                "PS256",
                "RSA",
                None,
                _generate_rsa,
                _rsa_signer("PS256", _PSS),
                _rsa_verifier("PS256", _PSS),
            ),
            Algorithm(
                "RS256",
                "RSA",
                None,
                _generate_rsa,
                _rsa_signer("RS256", _PKCS1),
                _rsa_verifier("RS256", _PKCS1),
            ),
        )
    }
)
"""What anyone may use unasked, by `alg`; the first is the default."""

POST_QUANTUM: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        akp.ML_DSA_65: Algorithm(
            akp.ML_DSA_65, akp.KTY, None, akp.generate, _ml_dsa_signer, _ml_dsa_verifier
        )
    }
)
"""What is taken only where somebody asked for it by name: its keys and signatures are long."""

EVERY: Final[Mapping[str, Algorithm]] = MappingProxyType({**ALGORITHMS, **POST_QUANTUM})
"""The allow-list."""

DEFAULT: Final = "ES256"
