"""JWE in compact form: one algorithm per key, A256GCM, and nothing else (RFC 7516 §3.1, 7518 §5.3).

A header has exactly the members that its algorithm needs. So nothing is compressed, no passphrase
is stretched, no key is unwrapped, and what one key is for is never done with another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.jose import jws, strict_json
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jws import MAX_BYTES

ECDH_ES: Final = "ECDH-ES"
DIRECT: Final = "dir"
A256GCM: Final = "A256GCM"
KEY_BITS: Final = 256
CONTENT_TYPE: Final = "JWT"
"""What is inside is a signed token (RFC 7519 §5.2)."""

_MAX_HEADER: Final = 1024
"""Bytes of the encoded header: no more is read before a key is found."""
_IV_BYTES: Final = 12
_TAG_BYTES: Final = 16
_ALWAYS: Final = frozenset({"alg", "enc", "kid", "typ", "cty"})
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    DIRECT: _ALWAYS,
    ECDH_ES: _ALWAYS | {"epk", "apu"},
}
_ENCODER: Final = msgspec.json.Encoder()


class Opens(Protocol):
    """A key that opens what was encrypted to it."""

    @property
    def kid(self) -> str:
        """Its name."""

    @property
    def alg(self) -> str:
        """The one algorithm that it is for."""

    def content_key(self, header: Mapping[str, object]) -> bytes:
        """The 32 bytes that the content is encrypted with.

        Raises `JoseError`, above all `bad_key` for an ephemeral key that is none.
        """


class Encrypted(msgspec.Struct, frozen=True):
    """The parts of a compact JWE; `aad` is the encoded header, which the tag covers too."""

    aad: bytes
    iv: bytes
    ciphertext: bytes
    tag: bytes


def seal(
    header: Mapping[str, object], content_key: bytes, random: Callable[[int], bytes], content: bytes
) -> str:
    """Encrypt: a JWE under this header, which `Opener.open` must find exact."""
    aad = jws.encode_part(_ENCODER.encode(header))
    iv = random(_IV_BYTES)
    sealed = AESGCM(content_key).encrypt(iv, content, aad)
    parts = (aad, b"", *map(jws.encode_part, (iv, sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:])))
    return b".".join(parts).decode("ascii")


def header_for(alg: str, kid: str, typ: str) -> dict[str, object]:
    """The members that every header has; those of `ECDH-ES` are added by its key."""
    return {"alg": alg, "enc": A256GCM, "kid": kid, "typ": typ, "cty": CONTENT_TYPE}


class Opener:
    """Opens tokens of one type that were encrypted to pinned keys. Threads may share it."""

    __slots__ = ("_find", "_max_bytes", "_typ")

    def __init__(
        self, find: Callable[[str], Opens | None], typ: str, *, max_bytes: int = MAX_BYTES
    ) -> None:
        self._find = find
        self._typ = typ
        self._max_bytes = max_bytes

    def open(self, unverified: str) -> str:
        """The signed token inside, not verified yet.

        Raises `JoseError`: `oversized`, `malformed`, `unknown_critical`, `wrong_algorithm`,
        `wrong_type`, `unknown_key`, `bad_key`, `unsupported_key` or `undecryptable`.
        """
        token = split(unverified, self._max_bytes)
        header = read_header(token.aad)
        key = self._find(str(header["kid"]))
        if key is None:
            raise JoseError("unknown_key", "The token is encrypted to a key that is not here.")
        if header["alg"] != key.alg:
            raise JoseError(
                "wrong_algorithm", "The token's algorithm is not the one its key is pinned to."
            )
        if jws.normalised_typ(str(header["typ"])) != self._typ:
            raise JoseError("wrong_type", "The token is of a type that is not accepted here.")
        content = decrypted(token, key.content_key(header))
        if not content.isascii():
            raise JoseError("malformed", "What is encrypted is no token.")
        return content.decode("ascii")


def split(unverified: str, max_bytes: int = MAX_BYTES) -> Encrypted:
    """Cut a token into its parts; `JoseError`: `oversized` or `malformed`."""
    if len(unverified) > max_bytes:
        raise JoseError("oversized", f"The token is longer than {max_bytes} bytes.")
    if not unverified.isascii() or not jws.looks_encrypted(unverified):
        raise JoseError("malformed", "An encrypted token must have five parts.")
    aad, key, iv, ciphertext, tag = unverified.encode("ascii").split(b".")
    if len(aad) > _MAX_HEADER:
        raise JoseError("oversized", f"The token's header is longer than {_MAX_HEADER} bytes.")
    if key:
        raise JoseError("malformed", "An encrypted token must bring no key along.")
    parts = Encrypted(aad, *map(jws.decode_part, (iv, ciphertext, tag)))
    # A short tag is easy to guess; the library would take one of four bytes (SP 800-38D §5.2.1.2).
    if len(parts.iv) != _IV_BYTES or len(parts.tag) != _TAG_BYTES:
        raise JoseError("malformed", f"A token's tag has {_TAG_BYTES} bytes, its IV {_IV_BYTES}.")
    return parts


def read_header(aad: bytes) -> dict[str, object]:
    """Read an encoded header, which must have the members of its algorithm and no other.

    Raises `JoseError`: `malformed`, `unknown_critical` or `wrong_algorithm`.
    """
    header = strict_json.decode_object(jws.decode_part(aad))
    if "crit" in header:
        raise JoseError("unknown_critical", "The header demands an extension that is not known.")
    members = _MEMBERS.get(str(header.get("alg")))
    if members is None or header.get("enc") != A256GCM:
        allowed = " or ".join(_MEMBERS)
        raise JoseError("wrong_algorithm", f"A token is encrypted by {allowed} with {A256GCM}.")
    if header.keys() != members:
        raise JoseError("malformed", "The header has not exactly the members that it must have.")
    if not all(isinstance(header[name], str) for name in _ALWAYS):
        raise JoseError("malformed", "The header's alg, enc, kid, typ and cty must be strings.")
    if header["cty"] != CONTENT_TYPE:
        raise JoseError("wrong_type", f"The header's cty must be {CONTENT_TYPE}.")
    return header


def decrypted(token: Encrypted, content_key: bytes) -> bytes:
    """The content, if key, header and content fit together; `JoseError`: `undecryptable`."""
    try:
        return AESGCM(content_key).decrypt(token.iv, token.ciphertext + token.tag, token.aad)
    except InvalidTag:
        raise JoseError(
            "undecryptable", "The token was not encrypted under this key, or was changed."
        ) from None
