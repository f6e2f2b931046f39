"""Keys whose algorithm is a part of them: ML-DSA, post-quantum signatures (RFC 9964, FIPS 204)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError

KTY: Final = "AKP"
ML_DSA_65: Final = "ML-DSA-65"


def members_of(native: mldsa.MLDSA65PublicKey) -> dict[str, str]:
    """The members of the public JWK; `alg` is one of them, as it must be (RFC 9964 §3)."""
    public = jws.encode_part(native.public_bytes_raw()).decode("ascii")
    return {"alg": ML_DSA_65, "kty": KTY, "pub": public}


def thumbprint(native: mldsa.MLDSA65PublicKey) -> str:
    """The SHA-256 thumbprint, over `alg` as well (RFC 9964 §6), base64url."""
    spelled = msgspec.json.encode(dict(sorted(members_of(native).items())))
    return jws.encode_part(hashlib.sha256(spelled).digest()).decode("ascii")


def public_key_of(jwk: Mapping[str, object]) -> mldsa.MLDSA65PublicKey:
    """The public key in this JWK.

    Raises `JoseError`: `bad_key` if it is not valid, `unsupported_key` if the cryptography of
    this machine has no ML-DSA.
    """
    try:
        return mldsa.MLDSA65PublicKey.from_public_bytes(_bytes_in(jwk, "pub"))
    except ValueError:
        raise JoseError("bad_key", "The JWK's pub is not a public key of ML-DSA-65.") from None
    except UnsupportedAlgorithm:
        raise _unsupported() from None


def private_key_of(jwk: Mapping[str, object]) -> mldsa.MLDSA65PrivateKey:
    """The private key in this JWK, made of its seed of 32 bytes; errors as `public_key_of`."""
    try:
        native = mldsa.MLDSA65PrivateKey.from_seed_bytes(_bytes_in(jwk, "priv"))
    except ValueError:
        raise JoseError("bad_key", "The JWK's priv is not a seed of ML-DSA-65.") from None
    except UnsupportedAlgorithm:
        raise _unsupported() from None
    if native.public_key().public_bytes_raw() != _bytes_in(jwk, "pub"):
        raise JoseError("bad_key", "The JWK's priv is not that of its pub.")
    return native


def generate() -> mldsa.MLDSA65PrivateKey:
    """Make a key; `JoseError` (`unsupported_key`) if the cryptography here has no ML-DSA."""
    try:
        return mldsa.MLDSA65PrivateKey.generate()
    except UnsupportedAlgorithm:
        raise _unsupported() from None


def is_there() -> bool:
    """Whether the cryptography of this machine has ML-DSA."""
    try:
        mldsa.MLDSA65PrivateKey.from_seed_bytes(bytes(32))
    except UnsupportedAlgorithm:
        return False
    return True


def _bytes_in(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise JoseError("bad_key", f"The JWK's {name} must be base64url.")
    try:
        return jws.decode_part(value.encode("ascii"))
    except JoseError:
        raise JoseError("bad_key", f"The JWK's {name} must be base64url.") from None


def _unsupported() -> JoseError:
    return JoseError("unsupported_key", "The cryptography of this machine has no ML-DSA.")
