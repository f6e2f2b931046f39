"""Keys, each pinned to one algorithm, and sets of them (RFC 7517, RFC 8725 §3.1).

A key is parsed once, when its object is made; `kid` is its RFC 7638 thumbprint unless told. What
reads and writes PKCS #8 is loaded with the first private key that is kept so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from counterfoil.jose import algorithms, jwk
from counterfoil.jose.algorithms import (
    Algorithm,
    NativePrivateKey,
    NativePublicKey,
    Sign,
    Verify,
)
from counterfoil.jose.errors import JoseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import Encoding


class PublicKey(msgspec.Struct, frozen=True, eq=False):
    """A key that verifies, with the one algorithm it is for. Made by `of` or `from_jwk`."""

    kid: str
    algorithm: Algorithm
    native: NativePublicKey
    native_verify: Verify

    @classmethod
    def of(cls, native: NativePublicKey, algorithm: str, kid: str | None = None) -> PublicKey:
        """Pin a key object of cryptography to an algorithm.

        Raises `JoseError`: `wrong_algorithm` for one that is not allowed, `bad_key` for a
        key that the algorithm does not take.
        """
        row = algorithms.named(algorithm)
        verify = row.verifier(native)
        return cls(kid or jwk.thumbprint(native), row, native, verify)

    @classmethod
    def from_jwk(cls, members: Mapping[str, object], algorithm: str | None = None) -> PublicKey:
        """Read a public JWK (RFC 7517 §4).

        It is pinned to its `alg`; only a JWK without `alg` takes the given `algorithm`.
        Raises `JoseError`: `unsupported_key` for another kind or use of key, `bad_key` for
        invalid or private members, `wrong_algorithm` if `alg` is not the `algorithm` given.
        """
        row = jwk.algorithm_of(members, algorithm)
        jwk.check_use(members, "verify")
        return cls.of(jwk.public_key_of(members, row.kty), row.name, jwk.kid_of(members))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check a JOSE signature; `JoseError` (`bad_signature`) if it is not of this key."""
        try:
            self.native_verify(signature, message)
        except InvalidSignature:
            raise JoseError("bad_signature", "The signature does not fit the token.") from None

    @property
    def thumbprint(self) -> str:
        """RFC 7638 §3, SHA-256, base64url."""
        return jwk.thumbprint(self.native)

    def as_jwk(self) -> dict[str, str]:
        """The public JWK, with `kid`, `alg` and `use`."""
        pinned = {"kid": self.kid, "alg": self.algorithm.name, "use": "sig"}
        return jwk.members_of(self.native) | pinned

    def __repr__(self) -> str:
        return f"PublicKey(kid={self.kid!r}, algorithm={self.algorithm.name!r})"


class PrivateKey(msgspec.Struct, frozen=True, eq=False):
    """A key that signs. Its repr and its errors never show it. Made by `generate` or `from_...`."""

    public: PublicKey
    native: NativePrivateKey
    native_sign: Sign

    @classmethod
    def generate(cls, algorithm: str = algorithms.DEFAULT, kid: str | None = None) -> PrivateKey:
        """Make a new key with the operating system's chance (RSA: 2048 bits)."""
        return cls.of(algorithms.named(algorithm).generate(), algorithm, kid)

    @classmethod
    def of(cls, native: NativePrivateKey, algorithm: str, kid: str | None = None) -> PrivateKey:
        """Pin a key object of cryptography to an algorithm; errors as `PublicKey.of`."""
        sign = algorithms.named(algorithm).signer(native)
        return cls(PublicKey.of(native.public_key(), algorithm, kid), native, sign)

    @classmethod
    def from_jwk(cls, members: Mapping[str, object], algorithm: str | None = None) -> PrivateKey:
        """Read a private JWK; rules and errors as `PublicKey.from_jwk`."""
        row = jwk.algorithm_of(members, algorithm)
        jwk.check_use(members, "sign")
        return cls.of(jwk.private_key_of(members, row.kty), row.name, jwk.kid_of(members))

    @classmethod
    def from_der(cls, der: bytes, algorithm: str, kid: str | None = None) -> PrivateKey:
        """Read unencrypted PKCS #8 DER; `JoseError` (`bad_key`) if it is not."""
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        try:
            native = load_der_private_key(der, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise JoseError("bad_key", "This is not an unencrypted PKCS #8 DER key.") from None
        return cls.of(native, algorithm, kid)  # type: ignore[arg-type]  # `signer` checks the kind

    @classmethod
    def from_pem(cls, pem: bytes, algorithm: str, kid: str | None = None) -> PrivateKey:
        """Read an unencrypted PEM private key; `JoseError` (`bad_key`) if it is not."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            native = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise JoseError("bad_key", "This is not an unencrypted PEM private key.") from None
        return cls.of(native, algorithm, kid)  # type: ignore[arg-type]  # `signer` checks the kind

    def sign(self, message: bytes) -> bytes:
        """The JOSE signature of these bytes (ES256: r and s, 32 bytes each)."""
        return self.native_sign(message)

    def to_der(self) -> bytes:
        """PKCS #8 DER, not encrypted: for sealing, never for storing as it is."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._written(Encoding.DER)

    def to_pem(self) -> bytes:
        """PKCS #8 PEM, not encrypted: for sealing, never for storing as it is."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._written(Encoding.PEM)

    def _written(self, encoding: Encoding) -> bytes:
        from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

        return self.native.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"PrivateKey(kid={self.public.kid!r}, {self.public.algorithm.name}, redacted)"


class KeySet(Mapping[str, PublicKey]):
    """Public keys by `kid`; never changes. `skipped` says what was left out of a JWKS, and why."""

    __slots__ = ("_keys", "skipped")

    def __init__(self, keys: Iterable[PublicKey] = (), skipped: Iterable[str] = ()) -> None:
        by_kid: dict[str, PublicKey] = {}
        for key in keys:
            if key.kid in by_kid:
                raise JoseError("bad_key", "The key set gives one kid to two keys.")
            by_kid[key.kid] = key
        self._keys = by_kid
        self.skipped = tuple(skipped)

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, object], algorithm: str | None = None) -> KeySet:
        """Read a JWK Set (RFC 7517 §5).

        Keys of a kind that is not supported, or not valid, are left out and named by their
        position in `skipped`, for an issuer may publish more than we know. `algorithm` is
        taken by keys without `alg`. Raises `JoseError`: `malformed` if this is no JWK Set,
        `bad_key` for a `kid` given twice and for private members.
        """
        entries = jwks.get("keys")
        if not isinstance(entries, (list, tuple)):
            raise JoseError("malformed", "A JWK Set must have an array named keys.")
        keys, skipped = [], []
        for position, entry in enumerate(entries):
            if not isinstance(entry, Mapping):
                raise JoseError("malformed", f"Entry {position} of the JWK Set is no object.")
            _refuse_private(entry, position)
            try:
                keys.append(PublicKey.from_jwk(entry, None if "alg" in entry else algorithm))
            except JoseError as error:
                skipped.append(f"Entry {position}: {error}")
        return cls(keys, skipped)

    def as_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JWK Set, ready to be published."""
        return {"keys": [key.as_jwk() for key in self._keys.values()]}

    def only(self) -> PublicKey | None:
        """The key, if there is exactly one."""
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def __getitem__(self, kid: str) -> PublicKey:
        return self._keys[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeySet({list(self._keys)!r})"


def _refuse_private(entry: Mapping[str, object], position: int) -> None:
    if not jwk.PRIVATE_MEMBERS.isdisjoint(entry):
        raise JoseError("bad_key", f"Entry {position} of the JWK Set has private members.")
