"""JSON Web Keys as joserfc reads and writes them (RFC 7517, 7518 §6, 8037 §2, 7638).

Loaded by `jwk` with the first key, so that whoever only imports a guard does not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.errors import JoseError as JoserfcError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from counterfoil.jose.errors import JoseError

_KeyClass: TypeAlias = type[ECKey] | type[OKPKey] | type[RSAKey]
_Native: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
_CLASSES: Final[Mapping[str, _KeyClass]] = MappingProxyType(
    {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
)


def imported(members: dict[str, str | list[str]], kty: str) -> object:
    """The native key of these members; `JoseError` (`bad_key`) if they are not valid."""
    try:
        return _CLASSES[kty].import_key(members).raw_value
    except (JoserfcError, ValueError, TypeError, KeyError, OverflowError):
        raise JoseError("bad_key", f"The JWK is not a valid {kty} key.") from None


def members_of(native: _Native) -> dict[str, str]:
    """The public members of the JWK of this key, `kty` among them, in canonical form."""
    return {name: str(value) for name, value in _wrapped(native).as_dict(private=False).items()}


def thumbprint(native: _Native) -> str:
    """The SHA-256 thumbprint of this key (RFC 7638 §3), base64url."""
    return _wrapped(native).thumbprint()


def _wrapped(native: _Native) -> ECKey | OKPKey | RSAKey:
    if isinstance(native, ec.EllipticCurvePublicKey):
        return ECKey.import_key(native)
    if isinstance(native, ed25519.Ed25519PublicKey):
        return OKPKey.import_key(native)
    return RSAKey.import_key(native)
