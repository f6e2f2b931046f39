"""Encrypted tokens at an API: with which keys they open, and whether readable ones are taken.

RFC 7516, RFC 9068 §4. What is opened is verified as any token; to be encrypted proves nothing. What
opens them is loaded with the first guard that has keys.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from msgspec import Struct

from counterfoil.guard.token import Rejected
from counterfoil.jose import jws, strict_json
from counterfoil.jose.errors import JoseError, JoseReason
from counterfoil.oauth.access_token import TYPE
from counterfoil.oauth.reasons import Reason

if TYPE_CHECKING:
    from counterfoil.jose.encryption_keys import DecryptionKeys
    from counterfoil.jose.jwe import Opener

_REASONS: Final[Mapping[JoseReason, Reason]] = MappingProxyType(
    {
        "malformed": Reason.MALFORMED,
        "oversized": Reason.MALFORMED,
        "unknown_critical": Reason.MALFORMED,
        "wrong_type": Reason.WRONG_TYPE,
    }
)
_WITHOUT_KEYS: Final = (
    "the token is encrypted and this guard has no keys: give it those of the API, "
    "Options(encryption=Encryption.from_file(...))"
)
_READABLE: Final = (
    "the token is readable and this guard takes only encrypted ones: let the API's policy say "
    "encryption=true, or the guard required=False while old tokens are out"
)


class Encryption(Struct, frozen=True, kw_only=True):
    """That this API's tokens are encrypted; ``Options(encryption=...)`` (S68).

    ``keys``: private keys and shared secrets of the API, retired ones too for as long as tokens of
    theirs are out. ``required``: tokens that anyone can read are refused.
    """

    keys: "DecryptionKeys"
    required: bool = True

    @classmethod
    def from_file(cls, path: Path | str, *, required: bool = True) -> Self:
        """Read the keys of a file: a JWK, as ``counterfoil api key add`` writes it, or a JWK Set.

        Raises:
            ValueError: where it holds no such keys. It does not say what it holds instead.
            OSError: it cannot be read.
        """
        from counterfoil.jose.encryption_keys import DecryptionKeys

        try:
            jwks = strict_json.decode_object(Path(path).read_bytes())
            return cls(keys=DecryptionKeys.from_jwks(jwks), required=required)
        except JoseError as error:
            raise ValueError(f"{path}: {error}") from None

    def __repr__(self) -> str:
        return f"Encryption({self.keys!r}, required={self.required})"


class Unsealing:
    """Gives the signed token of whatever came. No I/O; threads may share it."""

    def __init__(self, encryption: Encryption | None) -> None:
        self._opener = None if encryption is None else _opener_of(encryption)
        self.required = encryption is not None and encryption.required

    def signed_in(self, unverified: str) -> str:
        """Open a token if it is encrypted.

        Raises:
            Rejected: ``unreadable`` where no key opens it, ``not_encrypted`` where it should be;
                ``malformed`` or ``wrong_type``.
        """
        if not jws.looks_encrypted(unverified):
            if self.required:
                raise Rejected(Reason.NOT_ENCRYPTED, detail=_READABLE)
            return unverified
        if self._opener is None:
            raise Rejected(Reason.UNREADABLE, detail=_WITHOUT_KEYS)
        try:
            return self._opener.open(unverified)
        except JoseError as error:
            reason = _REASONS.get(error.reason, Reason.UNREADABLE)
            raise Rejected(reason, detail=str(error)) from None


def _opener_of(encryption: Encryption) -> "Opener":
    from counterfoil.jose.jwe import Opener

    return Opener(encryption.keys.find, TYPE)
