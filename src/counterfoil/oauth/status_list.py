"""Token Status Lists: a bit for each token, compressed (draft-ietf-oauth-status-list). Pure.

A set bit says that the token is not valid, however it was ended.
"""

import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from counterfoil.jose.errors import JoseError
from counterfoil.jose.jws import decode_part

TYPE: Final = "statuslist+jwt"
MEDIA_TYPE: Final = "application/statuslist+jwt"
MOST_BYTES: Final = 128 * 1024
"""How long a list may be once it is decompressed, unless the caller says otherwise."""


class WrongStatusList(ValueError):
    """A list cannot be read, or does not reach as far as it was asked. The text says why."""


class StatusReference(Struct, frozen=True):
    """Where a token's bit stands (§6.2)."""

    idx: int
    uri: str


class Status(Struct, frozen=True):
    """The claim ``status`` of a token that stands in a list (§6.1)."""

    status_list: StatusReference


class StatusList(Struct, frozen=True):
    """The bits, compressed, as a claim (§4.2). Ours have one bit for each token."""

    lst: str
    bits: int = 1


class StatusListToken(Struct, frozen=True, kw_only=True):
    """The claims of a published list (§5.1). Times and ``ttl`` in seconds.

    Ours have all of them; those of others may lack ``iss``, ``exp`` and ``ttl``.
    """

    iss: str = ""
    sub: str
    iat: int
    exp: int = 0
    ttl: int = 0
    status_list: StatusList


def bits_of(indexes: Iterable[int], size: int) -> bytes:
    """Give ``size`` bits of which those at ``indexes`` are set, the lowest of a byte first (§4.1).

    Raises:
        ValueError: an index lies outside.
    """
    bits = bytearray(-(-size // 8))
    for index in indexes:
        if not 0 <= index < size:
            raise ValueError(f"the index {index} lies outside a list of {size}")
        bits[index >> 3] |= 1 << (index & 7)
    return bytes(bits)


def compressed(bits: bytes) -> str:
    """Compress a list as ``lst`` carries it: DEFLATE in the ZLIB format, base64url (§4.1)."""
    packed = zlib.compress(bits, 9)
    return urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def decompressed(unverified: str, most: int = MOST_BYTES) -> bytes:
    """Read a ``lst``, and never make more than ``most`` bytes of it.

    Raises:
        WrongStatusList: it is not well formed, goes on beyond its end, or is longer.
    """
    try:
        packed = decode_part(unverified.encode("ascii"))
        engine = zlib.decompressobj()
        bits = engine.decompress(packed, most + 1)
    except (UnicodeEncodeError, JoseError, zlib.error) as error:
        raise WrongStatusList(f"the status list is not well formed: {error}") from None
    if len(bits) > most:
        raise WrongStatusList(f"the status list is longer than {most} bytes")
    if not engine.eof or engine.unused_data:
        raise WrongStatusList("the status list is cut off, or something stands behind its end")
    return bits


def is_set(bits: bytes, index: int) -> bool:
    """Say whether the bit of a token is set.

    Raises:
        WrongStatusList: the list does not reach so far (§8.3: no statement can be made).
    """
    if not 0 <= index < len(bits) * 8:
        raise WrongStatusList(f"the status list does not reach to the index {index}")
    return bool(bits[index >> 3] >> (index & 7) & 1)


def value_at(bits: bytes, index: int, width: int) -> int:
    """Give the value of a token in a list with ``width`` bits for each: 1, 2, 4 or 8 (§4.1).

    Raises:
        WrongStatusList: the list does not reach so far.
    """
    at = index * width
    if not 0 <= at < len(bits) * 8:
        raise WrongStatusList(f"the status list does not reach to the index {index}")
    return bits[at >> 3] >> (at & 7) & ((1 << width) - 1)
