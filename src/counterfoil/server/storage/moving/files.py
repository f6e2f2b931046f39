"""Files that appear whole or not at all: written beside their place, and never over another."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterfoil.server.storage.moving.ends import MoveRefused

_MAGIC: Final = b"SQLite format 3\0"
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a file belongs to it, and would be taken for another's."""


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """Give a path beside another, on the same disk; nothing is left there in the end.

    Raises:
        OSError: the folder cannot be made, or nothing removed in it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    _remove(draft)
    try:
        yield draft
    finally:
        _remove(draft)


def take_copy(path: Path, draft: Path) -> None:
    """Copy a file to a draft that only we may read.

    Raises:
        MoveRefused: it is no database.
        OSError: it cannot be read or written.
    """
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with path.open("rb") as original, os.fdopen(descriptor, "wb") as copy:
        if original.read(len(_MAGIC)) != _MAGIC:
            raise MoveRefused(f"{path} is no backup")
        original.seek(0)
        shutil.copyfileobj(original, copy)


def publish(draft: Path, path: Path) -> None:
    """Put a draft in its place once it is on the disk; nothing that stands there is replaced.

    Raises:
        MoveRefused: something stands there, or the draft is not all in its file.
        OSError: it cannot be written.
    """
    for log in _with_those_beside(draft)[1:]:
        if log.exists():  # who closes a database is not told that its log could not be taken in
            raise MoveRefused(f"{path} was not made: {log.name} was not written into it")
    _sync(draft)
    try:
        os.link(draft, path)
    except FileExistsError:
        raise MoveRefused(f"{path} has appeared meanwhile: nothing was replaced") from None
    draft.unlink()
    _sync(path.parent)


def demand_nothing_at(path: Path) -> None:
    """Demand that there is no database at a path, nor what another left beside it.

    Raises:
        MoveRefused: there is.
    """
    for each in _with_those_beside(path):
        if each.exists():
            raise MoveRefused(
                f"{each} is there: move it away with all that begins with {path.name}, and keep it"
            )


def _remove(draft: Path) -> None:
    for each in _with_those_beside(draft):
        each.unlink(missing_ok=True)


def _with_those_beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _BESIDE]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
