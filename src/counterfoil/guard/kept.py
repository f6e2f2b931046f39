"""What a guard keeps on disk, so that it is not deaf after a restart. Everything is verified again.

The files hold nothing secret, but whoever can write them decides whom the guard trusts.
"""

import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from counterfoil.guard.discovery import Metadata


class Kept(Struct, frozen=True):
    """What is short: where the issuer is found, its keys as published, the last signed head."""

    metadata: Metadata
    jwks: dict[str, object]
    feed_jwks: dict[str, object] = {}
    head: str = ""


class KeptFile:
    """One issuer's file below the state directory: mode 0600, replaced whole."""

    def __init__(self, state_dir: Path, issuer: str) -> None:
        self._path = path_of(state_dir, issuer, "json")

    def load(self) -> Kept | None:
        """Read the file; ``None`` where there is none.

        Raises:
            ValueError: where it cannot be read or trusted.
        """
        try:
            with open_own(self._path) as file:
                return msgspec.json.decode(file.read(), type=Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise ValueError(f"{self._path} cannot be read: {error}") from None

    def save(self, kept: Kept) -> None:
        """Replace the file.

        Raises:
            OSError: where it cannot be written.
        """
        draft = draft_of(self._path)
        with begin(draft) as file:
            file.write(msgspec.json.encode(kept))
        draft.replace(self._path)


def path_of(state_dir: Path, issuer: str, suffix: str) -> Path:
    """Say where a file of this issuer stands."""
    return state_dir / f"{sha256(issuer.encode()).hexdigest()[:32]}.{suffix}"


def draft_of(path: Path) -> Path:
    """Say where a file is written before it replaces the one at ``path``."""
    return path.with_name(f"{path.name}.{os.getpid()}")


def begin(path: Path) -> BinaryIO:
    """Open a new file of mode 0600; what stood there is removed.

    Raises:
        OSError: where it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def open_own(path: Path, *, to_append: bool = False) -> BinaryIO:
    """Open a file that is there already, if it is ours and nobody else can write it.

    Raises:
        OSError: where it cannot be opened.
        ValueError: where others can write it.
    """
    flags = os.O_WRONLY | os.O_APPEND if to_append else os.O_RDONLY
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    file: BinaryIO = os.fdopen(descriptor, "ab") if to_append else os.fdopen(descriptor, "rb")
    status = os.fstat(file.fileno())
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        file.close()
        raise ValueError(f"{path} can be written by others: it is not used")
    return file
