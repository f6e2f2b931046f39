"""How a refresh token is spelled: ``family . generation . random . MAC`` (OAuth 2.1 §4.3.1).

A guessed one names nothing; an old one is recognised as ours without a row of its own.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from typing import Final

from msgspec import Struct

from counterfoil.oauth.opaque import Kind, Secret, content_of, spell
from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named

RANDOM_BYTES: Final = 24
_GENERATION_BYTES: Final = 4
_MAC_BYTES: Final = 16
_LENGTH: Final = HANDLE_BYTES + _GENERATION_BYTES + RANDOM_BYTES + _MAC_BYTES


class Presentation(Struct, frozen=True):
    """What a refresh token with a right MAC says of itself, and its SHA-256."""

    family_id: str
    generation: int
    digest: bytes


def spell_refresh_token(key: bytes, family_id: str, generation: int, random: bytes) -> Secret:
    """Spell the refresh token of a family's generation, with ``RANDOM_BYTES`` of chance."""
    body = (
        urlsafe_b64decode(family_id + "==") + generation.to_bytes(_GENERATION_BYTES, "big") + random
    )
    return spell(Kind.REFRESH_TOKEN, body + _mac(key, body))


def read_refresh_token(key: bytes, unverified: str) -> Presentation | None:
    """Read a refresh token; ``None`` where it is none that we ever spelled."""
    content = content_of(Kind.REFRESH_TOKEN, unverified)
    if content is None or len(content) != _LENGTH * 4 // 3:
        return None
    decoded = urlsafe_b64decode(content)
    body, mac = decoded[:-_MAC_BYTES], decoded[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, body)):
        return None
    generation = int.from_bytes(body[HANDLE_BYTES : HANDLE_BYTES + _GENERATION_BYTES], "big")
    digest = hashlib.sha256(unverified.encode("ascii")).digest()
    return Presentation(named(body[:HANDLE_BYTES]), generation, digest)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:_MAC_BYTES]
