"""Files that nobody else may read or replace: made, written whole, read, and locked.

No name is ever followed elsewhere: a symbolic link where a file should be is an error.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from counterfoil.client.errors import CacheUnusable

MAX_BYTES: Final = 1024 * 1024
_OPEN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class PrivateFiles:
    """A directory of one's own. Every method raises `CacheUnusable` where it cannot be used."""

    def __init__(self, directory: str | Path, random: Callable[[int], bytes]) -> None:
        self.directory = Path(directory)
        self._random = random
        self._is_checked = False

    def read(self, name: str) -> bytes | None:
        """Give a file's content; ``None`` where there is no such file."""
        path = self._path(name)
        try:
            descriptor = self._opened(path, os.O_RDONLY)
            with os.fdopen(descriptor, "rb") as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from None

    def write(self, name: str, content: bytes) -> None:
        """Replace a file as a whole; when this returns, a crash does not lose it."""
        self._place(name, content, Path.replace)

    def make(self, name: str, content: bytes) -> None:
        """Make a file, unless it is there already."""
        with suppress(FileExistsError):
            self._place(name, content, lambda new, path: path.hardlink_to(new))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
            self._sync()
        except OSError as error:
            raise _unusable(path, error) from None

    def try_lock(self, name: str) -> Callable[[], None] | None:
        """Lock a name and give what unlocks it; ``None`` where somebody else has it.

        The system takes the lock back when a process dies. The file stays: whoever removed it
        could leave two with a lock of the same name.
        """
        path = self._path(f"{name}.lock")
        try:
            descriptor = self._opened(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise _unusable(path, error) from None
        return partial(_unlock, descriptor)

    def _opened(self, path: Path, flags: int) -> int:
        """Open a plain file of one's own; a pipe is neither waited for nor read."""
        descriptor = os.open(path, flags | _OPEN, 0o600)
        try:
            _demand_private(path, os.fstat(descriptor), stat.S_ISREG)
        except CacheUnusable:
            os.close(descriptor)
            raise
        return descriptor

    def _place(self, name: str, content: bytes, place: Callable[[Path, Path], object]) -> None:
        path = self._path(name)
        new = path.with_name(f".{name}.{self._random(8).hex()}")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(descriptor)
                place(new, path)
            finally:
                new.unlink(missing_ok=True)
            self._sync()
        except FileExistsError:
            raise
        except OSError as error:
            raise _unusable(path, error) from None

    def _sync(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        if not self._is_checked:
            try:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                found = self.directory.lstat()
            except OSError as error:
                raise _unusable(self.directory, error) from None
            _demand_private(self.directory, found, stat.S_ISDIR)
            self._is_checked = True
        return self.directory / name

    def __repr__(self) -> str:
        return f"PrivateFiles({str(self.directory)!r})"


def _unlock(descriptor: int) -> None:
    """Give a lock back; closing it is not enough where a child that was forked has it too."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _demand_private(path: Path, found: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(found.st_mode):
        raise CacheUnusable(f"{path} is no plain file or directory, or a link: remove it")
    if found.st_uid != os.geteuid():
        raise CacheUnusable(f"{path} belongs to somebody else: remove it, or name another place")
    if found.st_mode & _OTHERS:
        mode = "700" if is_kind is stat.S_ISDIR else "600"
        raise CacheUnusable(f"{path} is open to others: chmod {mode}, if you trust what is there")


def _unusable(path: Path, error: OSError) -> CacheUnusable:
    if error.errno == errno.ELOOP:
        return CacheUnusable(f"{path} is a symbolic link: remove it")
    return CacheUnusable(f"{path}: {error.strerror or error}")
