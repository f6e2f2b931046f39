"""How the server seals at rest: under a key that never stands in the database."""

from typing import Final, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.jose import sealing
from counterfoil.jose.sealing import KEY_BYTES, OVERHEAD, NotSealed

__all__ = ["KEY_BYTES", "OVERHEAD", "NotSealed", "Sealing", "Seals", "derive"]

_LABEL: Final = b"counterfoil "


class Seals(Protocol):
    """Whatever seals at rest: one key, or the master keys of an installation."""

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Seal; it opens only with the same ``context``, which is not kept secret."""

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open what ``seal`` gave; raises ``NotSealed`` where it was not sealed here."""

    def refresh(self) -> bool:
        """Look whether the keys have changed, and say so. It may wait for a disk or a command."""


class Sealing(sealing.Sealing):
    """One key, which never changes."""

    __slots__ = ()

    def refresh(self) -> bool:
        """Say that the key has not changed: one key never does."""
        return False


def derive(secret: bytes, label: str) -> bytes:
    """Derive a key of 32 bytes for one purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, None, _LABEL + label.encode()).derive(secret)
