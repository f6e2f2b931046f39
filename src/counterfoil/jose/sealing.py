"""Sealing at rest: AES-256-GCM (NIST SP 800-38D), and a key from a passphrase (RFC 7914)."""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
OVERHEAD: Final = len(_VERSION) + _NONCE_BYTES + _TAG_BYTES
"""Bytes that a sealed text has more than the plain one."""
_SCRYPT: Final = (2**17, 8, 1)
"""128 MiB and a third of a second for each guess."""


class NotSealed(Exception):
    """What was to be opened was not sealed here: wrong key, other context, or altered."""

    def __init__(self) -> None:
        super().__init__("This was not sealed under this key for this purpose, or was altered.")


class Sealing:
    """Seals and opens under one key of 32 bytes; ``random`` gives so many random bytes.

    A nonce is random, so one key should seal no more than 2^32 texts (SP 800-38D §8.3).
    """

    __slots__ = ("_aead", "_random")

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes")
        self._aead = AESGCM(key)
        self._random = random

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Seal; it opens only with the same ``context``, which is not kept secret."""
        nonce = self._random(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, plaintext, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open what ``seal`` gave.

        Raises:
            NotSealed: a wrong key, another context, or a changed byte.
        """
        if len(sealed) < OVERHEAD or sealed[:1] != _VERSION:
            raise NotSealed
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, ciphertext, context.encode())
        except InvalidTag:
            raise NotSealed from None


def stretched(passphrase: str, salt: bytes) -> bytes:
    """Make a key of 32 bytes from a passphrase; dear on purpose."""
    n, r, p = _SCRYPT
    return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(passphrase.encode())
