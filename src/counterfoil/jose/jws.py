"""JWS in compact form: three canonical base64url parts and a strict header (RFC 7515 §3.1, §4)."""

from __future__ import annotations

import binascii
from typing import Final

import msgspec

from counterfoil.jose import strict_json
from counterfoil.jose.errors import JoseError

MAX_BYTES: Final = 16 * 1024
"""How long a token may be, in bytes, unless the caller says otherwise."""

NO_TYP: Final = ""
"""Stands for a header without `typ`, where a caller accepts that."""

_DOT: Final = ord(".")
_DOTS: Final = 2
_DOTS_OF_JWE: Final = 4
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_BASE64: Final = bytes(
    {0x2D: 0x2B, 0x5F: 0x2F}.get(byte, byte) if byte in _ALPHABET else 0x21 for byte in range(256)
)
_PADDING: Final = (b"", b"", b"==", b"=")
# The last character of a part may carry bits that no byte uses; canonical is: all zero.
_LAST_CHARACTERS: Final = (_ALPHABET, b"", b"AQgw", b"AEIMQUYcgkosw048")


class Compact(msgspec.Struct, frozen=True, gc=False):
    """The parts of a compact JWS, still encoded; `signed` is what the signature covers."""

    header: bytes
    payload: bytes
    signature: bytes
    signed: bytes


class Header(msgspec.Struct, frozen=True):
    """What we read of a header. All else in it is ignored, keys and addresses of keys above all.

    `typ` is in lower case and without `application/`; `NO_TYP` if there is none.
    """

    alg: str
    kid: str | None
    typ: str


def split(unverified: str | bytes, max_bytes: int = MAX_BYTES) -> Compact:
    """Cut a token into its three parts; `JoseError`: `oversized` or `malformed`."""
    if len(unverified) > max_bytes:
        raise JoseError("oversized", f"The token is longer than {max_bytes} bytes.")
    if isinstance(unverified, str):
        if not unverified.isascii():
            raise JoseError("malformed", "The token has characters outside ASCII.")
        unverified = unverified.encode()
    signed, _, signature = unverified.rpartition(b".")
    header, _, payload = signed.partition(b".")
    if not header or not payload or _DOT in payload:
        raise JoseError("malformed", "The token must have three parts.")
    return Compact(header, payload, signature, signed)


def looks_signed(unverified: str) -> bool:
    """Whether a text has the three parts of a JWS (RFC 7515 §7.1)."""
    return unverified.count(".") == _DOTS


def looks_encrypted(unverified: str) -> bool:
    """Whether a text has the five parts of a JWE (RFC 7516 §7.1)."""
    return unverified.count(".") == _DOTS_OF_JWE


def encode_part(content: bytes) -> bytes:
    """Base64url without padding (RFC 7515 §2)."""
    # Text, and so JSON, has hardly any of the two letters: to look for them beats a table.
    encoded = binascii.b2a_base64(content, newline=False).rstrip(b"=")
    return encoded.replace(b"+", b"-").replace(b"/", b"_")


def decode_part(part: bytes) -> bytes:
    """The content of a base64url part, if it is spelled in the one canonical way.

    Refused with `malformed`: padding, white space, any other character, unused bits that
    are not zero. So two different tokens never decode to the same bytes.
    """
    remainder = len(part) % 4
    try:
        if part and part[-1] in _LAST_CHARACTERS[remainder]:
            padded = part.translate(_TO_BASE64) + _PADDING[remainder]
            return binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error:
        pass
    raise JoseError("malformed", "A part of the token is not canonical base64url.")


def read_header(part: bytes) -> Header:
    """Read an encoded header.

    Raises `JoseError`: `malformed` if it is not strict JSON or `alg`, `kid`, `typ` are not
    text; `unknown_critical` if it has `crit`, for we know no extension (RFC 7515 §4.1.11).
    """
    members = strict_json.decode_object(decode_part(part))
    if "crit" in members:
        raise JoseError("unknown_critical", "The header demands an extension that is not known.")
    alg, typ = _text(members, "alg"), _text(members, "typ")
    if alg is None:
        raise JoseError("malformed", "The header has no alg.")
    return Header(alg, _text(members, "kid"), NO_TYP if typ is None else normalised_typ(typ))


def _text(members: dict[str, object], name: str) -> str | None:
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, str):
        raise JoseError("malformed", f"The header's {name} must be a string.")
    return value


def normalised_typ(typ: str) -> str:
    """A media type as it is compared: lower case, without `application/` (RFC 7515 §4.1.9)."""
    if not typ.isascii():
        return typ
    short = typ.lower().removeprefix("application/")
    return typ.lower() if "/" in short else short
