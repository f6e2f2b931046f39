"""JSON Web Tokens, signed and verified with pinned keys only (RFC 7519, RFC 8725).

Nothing is taken from a token's own header but the name of one of our keys. Times, issuers and
audiences are judged one floor up (`oauth`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from counterfoil.jose import jws, strict_json
from counterfoil.jose.algorithms import EVERY
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jws import MAX_BYTES, NO_TYP, Header
from counterfoil.jose.keys import KeySet, PrivateKey, PublicKey

__all__ = [
    "MAX_BYTES",
    "NO_TYP",
    "Claims",
    "Signer",
    "Verified",
    "Verifier",
    "sign",
    "unverified_claims",
    "unverified_header",
    "verify",
]

Claims: TypeAlias = Mapping[str, object] | msgspec.Struct | bytes
"""Claims to sign; bytes are a JSON object that is encoded already."""

_ENCODER: Final = msgspec.json.Encoder()
_MAX_KNOWN_HEADERS: Final = 64


class Verified(msgspec.Struct, frozen=True):
    """What a valid signature vouches for: the key that signed, the type, the claims."""

    kid: str
    typ: str
    claims: dict[str, object]


class Signer:
    """Signs tokens of one type with one key; the header is written once.

    The header is `alg`, `kid`, `typ` and nothing else.
    """

    __slots__ = ("_prefix", "_sign", "kid")

    def __init__(self, key: PrivateKey, typ: str) -> None:
        header = {"alg": key.public.algorithm.name, "kid": key.public.kid, "typ": typ}
        self._prefix = jws.encode_part(_ENCODER.encode(header)) + b"."
        self._sign = key.native_sign
        self.kid = key.public.kid

    def sign(self, claims: Claims) -> str:
        """The token in compact form."""
        payload = claims if isinstance(claims, bytes) else _ENCODER.encode(claims)
        signed = self._prefix + jws.encode_part(payload)
        return (signed + b"." + jws.encode_part(self._sign(signed))).decode("ascii")

    def sign_around(self, before: bytes, each: Iterable[bytes], after: bytes) -> list[str]:
        """Tokens that differ in one place alone; ``before`` and ``after`` are the JSON around it.

        Signature follows on signature: with other work in between each takes some 4 % longer.
        """
        # Three bytes are four letters (RFC 4648 §4): what comes before is encoded only once.
        whole = len(before) - len(before) % 3
        begun, rest = self._prefix + jws.encode_part(before[:whole]), before[whole:]
        signed = [begun + jws.encode_part(rest + one + after) for one in each]
        signatures = [self._sign(one) for one in signed]
        return [
            (one + b"." + jws.encode_part(signature)).decode("ascii")
            for one, signature in zip(signed, signatures, strict=True)
        ]


class Verifier:
    """Verifies tokens of known types against pinned keys. Safe to share between threads.

    `typ` is the type, or the types, that are accepted; `NO_TYP` among them accepts a token
    without one. Headers of tokens that proved genuine are remembered, at most 64.
    """

    __slots__ = ("_known", "_max_bytes", "_typs", "keys")

    def __init__(
        self, keys: KeySet, typ: str | Iterable[str], *, max_bytes: int = MAX_BYTES
    ) -> None:
        self.keys = keys
        self._typs = frozenset(map(jws.normalised_typ, [typ] if isinstance(typ, str) else typ))
        self._max_bytes = max_bytes
        self._known: dict[bytes, tuple[PublicKey, str]] = {}

    def verify(self, unverified: str | bytes) -> Verified:
        """The claims of a genuine token.

        Raises `JoseError`: `oversized`, `malformed`, `unknown_critical`, `wrong_algorithm`,
        `wrong_type`, `unknown_key` or `bad_signature`.
        """
        token = jws.split(unverified, self._max_bytes)
        known = self._known.get(token.header)
        key, typ = known or self._accept(jws.read_header(token.header))
        key.verify(jws.decode_part(token.signature), token.signed)
        if known is None and len(self._known) < _MAX_KNOWN_HEADERS:
            self._known[token.header] = key, typ
        claims = strict_json.decode_object(jws.decode_part(token.payload))
        return Verified(key.kid, typ, claims)

    def _accept(self, header: Header) -> tuple[PublicKey, str]:
        if header.alg not in EVERY:
            raise JoseError("wrong_algorithm", "The token's algorithm is never accepted.")
        key = self.keys.only() if header.kid is None else self.keys.get(header.kid)
        if key is None:
            raise JoseError("unknown_key", "The token names none of the keys that are trusted.")
        if header.alg != key.algorithm.name:
            raise JoseError(
                "wrong_algorithm",
                "The token's algorithm is not the one its key is pinned to.",
            )
        if header.typ not in self._typs:
            raise JoseError("wrong_type", "The token is of a type that is not accepted here.")
        return key, header.typ


def sign(claims: Claims, key: PrivateKey, typ: str) -> str:
    """One token; keep a `Signer` where there are many."""
    return Signer(key, typ).sign(claims)


def verify(unverified: str | bytes, keys: KeySet, typ: str | Iterable[str]) -> Verified:
    """Verify one token; keep a `Verifier` where there are many. Errors as `Verifier.verify`."""
    return Verifier(keys, typ).verify(unverified)


def unverified_header(unverified: str | bytes) -> dict[str, object]:
    """The header as the sender wrote it, not checked by any key; strict JSON all the same."""
    return strict_json.decode_object(jws.decode_part(jws.split(unverified).header))


def unverified_claims(unverified: str | bytes) -> dict[str, object]:
    """The claims as the sender wrote them, not checked by any key; strict JSON all the same."""
    return strict_json.decode_object(jws.decode_part(jws.split(unverified).payload))
