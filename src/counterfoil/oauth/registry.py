"""The registry of issued tokens: by which digest a token is known, and how digests travel. Pure.

Only what the issuer wrote down counts, so whoever has its signing key alone cannot make a token.
"""

import hashlib

import msgspec
from msgspec import Struct


class Entry(Struct, frozen=True, array_like=True):
    """A token as guards learn of it: its digest, and when it expires (seconds since the epoch)."""

    digest: bytes
    expires_at: int


def digest_of(token: str) -> bytes:
    """Give the SHA-256 of a JWT's signing input.

    It leaves the signature out: an ECDSA signature has a twin that is as valid.
    """
    return hashlib.sha256(token.rpartition(".")[0].encode("utf-8", "surrogatepass")).digest()


def spelled(entries: list[Entry]) -> bytes:
    """Spell entries as they stand in one event of the registry's feed."""
    return msgspec.json.encode(entries)


def entries_in(text: str) -> list[Entry]:
    """Read entries back.

    Raises:
        msgspec.MsgspecError: where the text holds none.
    """
    return msgspec.json.decode(text, type=list[Entry])
