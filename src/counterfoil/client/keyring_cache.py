"""Tokens in the system's keyring, by the library keyring, which the extra ``keyring`` brings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from counterfoil.client.cache import Entry
from counterfoil.client.errors import CacheUnusable
from counterfoil.client.outside import REAL
from counterfoil.client.private_files import PrivateFiles

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


class KeyringCache:
    """Keeps tokens where the system keeps passwords.

    A keyring has no locks: they are files in the directory ``locks``. ``backend`` is one of
    keyring's; default: the one that keyring chooses.

    Raises:
        CacheUnusable: the library is not there.
    """

    def __init__(
        self,
        locks: str | Path,
        service: str = "counterfoil",
        backend: "KeyringBackend | None" = None,
    ) -> None:
        self._locks = PrivateFiles(locks, REAL.random)
        self._service = service
        self._backend = backend or _chosen()

    def read(self, entry: Entry) -> bytes | None:
        """Give what is kept; ``None`` where there is nothing."""
        with _said():
            found = self._backend.get_password(self._service, entry.name)
        return None if found is None else found.encode()

    def write(self, entry: Entry, content: bytes) -> None:
        """Keep it; that it outlives a crash is the keyring's affair."""
        with _said():
            self._backend.set_password(self._service, entry.name, content.decode())

    def remove(self, entry: Entry) -> None:
        """Forget it, if it is there."""
        if self.read(entry) is not None:
            with _said():
                self._backend.delete_password(self._service, entry.name)

    def try_lock(self, entry: Entry) -> Callable[[], None] | None:
        """Lock an entry and give what unlocks it; ``None`` where somebody else has it."""
        return self._locks.try_lock(entry.name)

    def __repr__(self) -> str:
        return f"KeyringCache({self._service!r})"


def _chosen() -> "KeyringBackend":
    try:
        import keyring
    except ModuleNotFoundError:
        raise CacheUnusable("the keyring needs: pip install 'counterfoil[keyring]'") from None
    return keyring.get_keyring()


@contextmanager
def _said() -> Iterator[None]:
    """Turn what the keyring raises into a sentence; its own kinds of error are of all sorts."""
    try:
        yield
    except Exception as error:
        what = str(error).strip().splitlines()
        raise CacheUnusable(f"the keyring: {what[0] if what else type(error).__name__}") from None
