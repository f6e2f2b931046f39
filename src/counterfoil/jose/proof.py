"""Proofs of possession: the one kind of JWS whose key stands in its own header (RFC 9449 §4.2).

Everywhere else a key that a token brings along is ignored. Here the signature shows only that
the sender holds that key, and so only the key's thumbprint and what was signed come out. The type
is fixed: whatever is not a proof cannot pass this door.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from counterfoil.jose import jwk, jws, strict_json
from counterfoil.jose.algorithms import ALGORITHMS, MIN_RSA_BITS, Sign
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jws import Compact
from counterfoil.jose.keys import PrivateKey, PublicKey

TYPE: Final = "dpop+jwt"
MAX_PROOF_BYTES: Final = 8 * 1024
"""Room for the longest key that is taken at all, its signature, and a long URL."""

_LEAST_MODULUS: Final = math.ceil(MIN_RSA_BITS / 6)
"""Characters of base64url."""
_ENCODER: Final = msgspec.json.Encoder()


class Proved(msgspec.Struct, frozen=True):
    """What a proof shows: the holder of the key of this thumbprint (RFC 7638) said these claims."""

    thumbprint: str
    claims: dict[str, object]


def verify(unverified: str) -> Proved:
    """Verify a proof by the key in its own header, which must be a public one.

    Raises `JoseError`: `oversized`, `malformed`, `unknown_critical`, `wrong_type`,
    `wrong_algorithm`, `unsupported_key`, `bad_key` or `bad_signature`.
    """
    token = jws.split(unverified, MAX_PROOF_BYTES)
    key = _key_in(token)
    key.verify(jws.decode_part(token.signature), token.signed)
    return Proved(key.kid, strict_json.decode_object(jws.decode_part(token.payload)))


def _key_in(token: Compact) -> PublicKey:
    header = jws.read_header(token.header)
    if header.typ != TYPE:
        raise JoseError("wrong_type", f"A proof's typ must be {TYPE}.")
    members = strict_json.decode_object(jws.decode_part(token.header)).get("jwk")
    if not isinstance(members, Mapping):
        raise JoseError("malformed", "A proof's header must hold a public key as jwk.")
    # The header's algorithm is looked at first: `none` is refused whatever the key says of itself.
    if header.alg not in ALGORITHMS:
        raise JoseError("wrong_algorithm", f"A proof's alg must be one of {', '.join(ALGORITHMS)}.")
    algorithm = jwk.algorithm_of(members, header.alg)
    jwk.check_use(members, "verify")
    if algorithm.kty == "RSA" and len(str(members.get("n"))) < _LEAST_MODULUS:
        # Said before joserfc reads it, which would warn of it in the operator's log each time.
        raise JoseError("bad_key", f"An RSA key must have {MIN_RSA_BITS} bits at least.")
    # Without a kid of its choice: a proof is known by its key's thumbprint alone.
    return PublicKey.of(jwk.public_key_of(members, algorithm.kty), algorithm.name)


class ProofSigner:
    """Signs proofs with one key; ``sign`` may reach a key that never leaves its device."""

    __slots__ = ("_prefix", "_sign", "thumbprint")

    def __init__(self, public: PublicKey, sign: Sign) -> None:
        header = {
            "typ": TYPE,
            "alg": public.algorithm.name,
            "jwk": jwk.members_of(public.native),
        }
        self._prefix = jws.encode_part(_ENCODER.encode(header)) + b"."
        self._sign = sign
        self.thumbprint = public.thumbprint

    @classmethod
    def of(cls, key: PrivateKey) -> ProofSigner:
        """Sign with a key at hand."""
        return cls(key.public, key.sign)

    def sign(self, claims: Mapping[str, object] | msgspec.Struct) -> str:
        """The proof in compact form."""
        signed = self._prefix + jws.encode_part(_ENCODER.encode(claims))
        return (signed + b"." + jws.encode_part(self._sign(signed))).decode("ascii")

    def __repr__(self) -> str:
        return f"ProofSigner({self.thumbprint!r})"
