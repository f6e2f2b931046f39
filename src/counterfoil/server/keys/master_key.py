"""The master keys of an installation: the first seals, all of them open (S83).

They are read anew where nothing opens, and before a key is made: so the master key can be changed
while servers run.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from counterfoil.server.keys import master_key_file
from counterfoil.server.keys.master_key_source import MasterKeyError, read_master_keys
from counterfoil.server.keys.sealing import NotSealed, Sealing, Seals
from counterfoil.server.settings import Settings

__all__ = ["MasterKey", "MasterKeyError", "load_master_key", "open_kept"]

_LOG: Final = logging.getLogger(__name__)


class MasterKey:
    """Seals under the first master key, opens under any. ``read`` gives them anew."""

    def __init__(self, read: Callable[[], Sequence[bytes]], random: Callable[[int], bytes]) -> None:
        self._read = read
        self._random = random
        self._keys: tuple[bytes, ...] = ()
        self._sealings: tuple[Sealing, ...] = ()
        self._take(read())

    def __len__(self) -> int:
        return len(self._keys)

    def _take(self, keys: Sequence[bytes]) -> bool:
        if self._keys == tuple(keys):
            return False
        self._keys = tuple(keys)
        self._sealings = tuple(Sealing(key, self._random) for key in keys)
        return True

    def refresh(self) -> bool:
        """Read the keys anew, and say whether they changed; those known stay if that fails."""
        try:
            return self._take(self._read())
        except MasterKeyError as error:
            _LOG.warning("the master key cannot be read anew, the one known is used: %s", error)
            return False

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Seal under the first key."""
        return self._sealings[0].seal(plaintext, context)

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open under whichever key it was sealed.

        Raises:
            NotSealed: none of the keys opens it.
        """
        opened = self._opened(sealed, context)
        if opened is None and self.refresh():
            opened = self._opened(sealed, context)
        if opened is None:
            raise NotSealed
        return opened

    def is_current(self, sealed: bytes, context: str) -> bool:
        """Whether this was sealed under the first key."""
        try:
            self._sealings[0].open(sealed, context)
        except NotSealed:
            return False
        return True

    def _opened(self, sealed: bytes, context: str) -> bytes | None:
        for sealing in self._sealings:
            try:
                return sealing.open(sealed, context)
            except NotSealed:
                continue
        return None

    def __repr__(self) -> str:
        return f"MasterKey({len(self)} keys)"


def load_master_key(
    settings: Settings, random: Callable[[int], bytes], *, may_make: bool = True
) -> MasterKey:
    """Give the master keys; their file is made where there is none and it is the source.

    With ``may_make`` false a missing file is an error: the key of an old installation is lost.

    Raises:
        MasterKeyError: a key is malformed, others may read its file, its command failed, or it
            cannot be made.
    """
    path = settings.master_key_file
    if settings.master_key_in_file and may_make:
        try:
            master_key_file.make(path, random)
        except OSError as error:
            raise MasterKeyError(f"The master key {path}: {error.strerror}.") from None
    return MasterKey(lambda: read_master_keys(settings), random)


def open_kept(sealing: Seals, sealed: bytes, context: str) -> bytes:
    """Open what the store keeps under the master key.

    Raises:
        MasterKeyError: it does not open.
    """
    try:
        return sealing.open(sealed, context)
    except NotSealed:
        raise MasterKeyError(
            f"The master key does not open the {context} in the database: the database was made "
            "under another master key, or was altered."
        ) from None
