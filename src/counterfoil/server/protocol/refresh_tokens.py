"""How a refresh token is spelled: ``family . generation . random . MAC`` (OAuth 2.1 §4.3.1).

A guessed one names nothing; an old one is recognised as ours without a row of its own. Its
successor is kept so that the database alone cannot open it.
"""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from counterfoil.jose.mac import Mac
from counterfoil.oauth.opaque import Kind, Secret, content_of, spell
from counterfoil.server.keys.sealing import NotSealed, Sealing, derive
from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named

RANDOM_BYTES: Final = 24
_GENERATION_BYTES: Final = 4
_MAC_BYTES: Final = 16
_SUCCESSOR: Final = "refresh successor"
_LENGTH: Final = HANDLE_BYTES + _GENERATION_BYTES + RANDOM_BYTES + _MAC_BYTES


class Presentation(Struct, frozen=True):
    """A refresh token with a right MAC, what it says of itself, and its SHA-256."""

    token: Secret
    family_id: str
    generation: int
    digest: bytes

    def seal_successor(self, successor: Secret, random: Callable[[int], bytes]) -> bytes:
        """Seal the token that takes this one's place, so that only this one opens it again."""
        return self._sealing(random).seal(successor.reveal().encode(), _SUCCESSOR)

    def open_successor(self, sealed: bytes, random: Callable[[int], bytes]) -> Secret | None:
        """Open what was sealed under this very token; ``None`` where it was another."""
        try:
            return Secret(self._sealing(random).open(sealed, _SUCCESSOR).decode())
        except NotSealed:
            return None

    def _sealing(self, random: Callable[[int], bytes]) -> Sealing:
        # The label keeps the key apart from the SHA-256 of the same text, which is stored.
        return Sealing(derive(self.token.reveal().encode(), _SUCCESSOR), random)


def spell_refresh_token(key: Mac, family_id: str, generation: int, random: bytes) -> Secret:
    """Spell the refresh token of a family's generation, with ``RANDOM_BYTES`` of chance."""
    body = (
        urlsafe_b64decode(family_id + "==") + generation.to_bytes(_GENERATION_BYTES, "big") + random
    )
    return spell(Kind.REFRESH_TOKEN, body + _mac(key, body))


def read_refresh_token(key: Mac, unverified: str) -> Presentation | None:
    """Read a refresh token; ``None`` where it is none that we ever spelled."""
    content = content_of(Kind.REFRESH_TOKEN, unverified)
    if content is None or len(content) != _LENGTH * 4 // 3:
        return None
    decoded = urlsafe_b64decode(content)
    body, mac = decoded[:-_MAC_BYTES], decoded[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, body)):
        return None
    generation = int.from_bytes(body[HANDLE_BYTES : HANDLE_BYTES + _GENERATION_BYTES], "big")
    token = Secret(unverified)
    return Presentation(token, named(body[:HANDLE_BYTES]), generation, token.fingerprint())


def _mac(key: Mac, body: bytes) -> bytes:
    return key.of(body)[:_MAC_BYTES]
