"""Private JSON Web Keys as joserfc reads them (RFC 7517, 7518 §6, 8037 §2).

Loaded by `jwk` with the first of them: whoever only verifies, as a guard does, never needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from joserfc.errors import JoseError as JoserfcError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from counterfoil.jose.errors import JoseError

_KeyClass: TypeAlias = type[ECKey] | type[OKPKey] | type[RSAKey]
_CLASSES: Final[Mapping[str, _KeyClass]] = MappingProxyType(
    {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
)


def imported(members: dict[str, str | list[str]], kty: str) -> object:
    """The native key of these members; `JoseError` (`bad_key`) if they are not valid."""
    try:
        return _CLASSES[kty].import_key(members).raw_value
    except (JoserfcError, ValueError, TypeError, KeyError, OverflowError):
        raise JoseError("bad_key", f"The JWK is not a valid {kty} key.") from None
