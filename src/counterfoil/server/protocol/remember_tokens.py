"""How the value in a remembered browser's cookie is spelled: ``id . number . chance . MAC``.

An old one is recognised as ours without a row of its own; a guessed one names nothing. The next
value, and the secret of the session that it gets, follow from it and a key of the server: whoever
asks twice, for the answer was lost or two tabs came at once, is told the same.
"""

import hmac
from base64 import urlsafe_b64decode
from typing import Final

from msgspec import Struct

from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, content_of, spell
from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named

_NUMBER_BYTES: Final = 4
_MAC_BYTES: Final = 16
_LENGTH: Final = HANDLE_BYTES + _NUMBER_BYTES + SECRET_BYTES + _MAC_BYTES


class RememberToken(Struct, frozen=True):
    """A value with a right MAC, and what it says of itself."""

    value: Secret
    remembered_id: str
    number: int

    @property
    def digest(self) -> bytes:
        """Its SHA-256, under which it is stored."""
        return self.value.fingerprint()

    def next(self, key: bytes) -> "RememberToken":
        """Give the value that takes its place; nobody derives it without the key."""
        chance = _derived(key, "next value", self.value)
        return first_token(key, self.remembered_id, chance, self.number + 1)

    def session_secret(self, key: bytes) -> Secret:
        """Give the secret of the session that it gets."""
        return spell(Kind.SESSION, _derived(key, "session", self.value))


def first_token(key: bytes, remembered_id: str, chance: bytes, number: int = 0) -> RememberToken:
    """Spell a value, with ``SECRET_BYTES`` of chance."""
    handle = urlsafe_b64decode(remembered_id + "==")
    body = handle + number.to_bytes(_NUMBER_BYTES, "big") + chance
    return RememberToken(spell(Kind.REMEMBERED, body + _mac(key, body)), remembered_id, number)


def read_token(key: bytes, unverified: Secret) -> RememberToken | None:
    """Read a value; ``None`` where it is none that we ever spelled."""
    content = content_of(Kind.REMEMBERED, unverified.reveal())
    if content is None or len(content) != -(-_LENGTH * 4 // 3):
        return None
    decoded = urlsafe_b64decode(content + "=" * (-len(content) % 4))
    body, mac = decoded[:-_MAC_BYTES], decoded[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, body)):
        return None
    number = int.from_bytes(body[HANDLE_BYTES : HANDLE_BYTES + _NUMBER_BYTES], "big")
    return RememberToken(unverified, named(body[:HANDLE_BYTES]), number)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"value " + body, "sha256")[:_MAC_BYTES]


def _derived(key: bytes, label: str, value: Secret) -> bytes:
    return hmac.digest(key, f"{label} after {value.reveal()}".encode(), "sha256")
