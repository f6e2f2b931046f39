"""Tokens in encrypted files (S79): one for each entry, sealed for that entry alone."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final

from counterfoil.client.cache import Entry
from counterfoil.client.errors import CacheUnusable
from counterfoil.client.outside import REAL, Outside
from counterfoil.client.private_files import PrivateFiles
from counterfoil.jose.sealing import KEY_BYTES, SALT_BYTES, NotSealed, Sealing, stretched

_MAGIC: Final = b"counterfoil tokens 1\n"
_KEY: Final = "key"
_SALT: Final = "salt"


class FileCache:
    """Keeps tokens in a directory that is one's own, for all processes that know its key.

    The key is made of the ``passphrase``, or else is 32 random bytes in the file ``key`` beside the
    tokens, made at first use. That file keeps tokens out of backups and copies that leave it
    out; whoever reads both reads all.
    """

    def __init__(
        self, directory: str | Path, passphrase: str | None = None, outside: Outside = REAL
    ) -> None:
        self._files = PrivateFiles(directory, outside.random)
        self._passphrase = passphrase
        self._random = outside.random
        self._known: Sealing | None = None
        self._lock = Lock()

    def read(self, entry: Entry) -> bytes | None:
        """Give what is kept; ``None`` where there is nothing.

        Raises:
            CacheUnusable: the file is another's, altered, or sealed under another key.
        """
        content = self._files.read(entry.name)
        if content is None:
            return None
        if not content.startswith(_MAGIC):
            raise CacheUnusable(f"{self._shown(entry)} is no file of this cache: remove it")
        try:
            return self._sealing().open(content[len(_MAGIC) :], entry.name)
        except NotSealed:
            raise CacheUnusable(
                f"{self._shown(entry)} does not open: it was altered or cut off, or the "
                f"{'passphrase' if self._passphrase is not None else 'key'} is another one. "
                "Remove it and sign in again"
            ) from None

    def write(self, entry: Entry, content: bytes) -> None:
        """Keep it; when this returns, a crash does not lose it."""
        self._files.write(entry.name, _MAGIC + self._sealing().seal(content, entry.name))

    def remove(self, entry: Entry) -> None:
        """Forget it, if it is there."""
        self._files.remove(entry.name)

    def try_lock(self, entry: Entry) -> Callable[[], None] | None:
        """Lock an entry and give what unlocks it; ``None`` where somebody else has it."""
        return self._files.try_lock(entry.name)

    def _sealing(self) -> Sealing:
        with self._lock:
            if self._known is None:
                self._known = Sealing(self._key(), self._random)
            return self._known

    def _key(self) -> bytes:
        if self._passphrase is not None:
            return stretched(self._passphrase, self._made(_SALT, SALT_BYTES))
        return self._made(_KEY, KEY_BYTES)

    def _made(self, name: str, size: int) -> bytes:
        """Give the random bytes of a file, which is made if it is not there."""
        found = self._files.read(name)
        if found is None:
            self._files.make(name, self._random(size))
            found = self._files.read(name)
        if found is None or len(found) != size:
            raise CacheUnusable(
                f"{self._files.directory / name} must have {size} bytes: remove the directory "
                "and sign in again"
            )
        return found

    def _shown(self, entry: Entry) -> Path:
        return self._files.directory / entry.name

    def __repr__(self) -> str:
        return f"FileCache({str(self._files.directory)!r})"
