"""The file of the master keys, a line each: made once, replaced whole, its owner's alone (S83).

The first line seals. A line that begins with ``former:`` has sealed before; every other one may
seal in its turn.
"""

import os
import stat
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from counterfoil.server.keys.sealing import KEY_BYTES

FORMER: Final = "former:"
_MOST_BYTES: Final = 4096


class Exposed(Exception):
    """Others may read or change the file. The text says which, and what to do."""


def content(path: Path) -> str:
    """Read the file.

    Raises:
        OSError: it is not there, or cannot be read.
        Exposed: others may read or change it.
    """
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise Exposed(
                f"The master key {path} may be read or changed by others (mode {mode:04o}). "
                f"If nobody has: chmod 600 {path}"
            )
        return file.read(_MOST_BYTES).decode("ascii", "replace")


def make(path: Path, random: Callable[[int], bytes]) -> None:
    """Make the file with one key, unless there is one; whoever is first, all find the same."""
    if path.exists():
        return
    unfinished = _written(path, [new_line(random)], random)
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        return
    finally:
        unfinished.unlink()
    _settle(path)


def new_line(random: Callable[[int], bytes]) -> str:
    """Draw a key."""
    return urlsafe_b64encode(random(KEY_BYTES)).rstrip(b"=").decode("ascii")


def replace(path: Path, lines: Iterable[str], random: Callable[[int], bytes]) -> None:
    """Replace the file by one with these lines: at every moment it is there, and whole."""
    _written(path, lines, random).replace(path)
    _settle(path)


def _written(path: Path, lines: Iterable[str], random: Callable[[int], bytes]) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{random(8).hex()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(f"{line}\n".encode("ascii") for line in lines)
        file.flush()
        os.fsync(descriptor)
    return unfinished


def _settle(path: Path) -> None:
    """Have the directory on the disk too, before anything rests on the file."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
