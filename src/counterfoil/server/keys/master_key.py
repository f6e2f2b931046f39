"""The master key: from the environment, or from a file that only its owner may read (S83)."""

import os
import stat
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterfoil.server.keys.sealing import KEY_BYTES, NotSealed, Sealing
from counterfoil.server.settings import Settings

_SPELLED: Final = "32 bytes in base64url"
_MOST_BYTES: Final = 1024


class MasterKeyError(Exception):
    """The master key cannot be used. The text says where it was looked for and what is wrong."""


def load_master_key(
    settings: Settings, random: Callable[[int], bytes], *, may_make: bool = True
) -> Sealing:
    """Give the sealing under the master key; its file is made where there is none.

    With ``may_make`` false a missing file is an error: the key of an old installation is lost.

    Processes that start at once end up with the same key: a file is never overwritten.

    Raises:
        MasterKeyError: the key is malformed, others may read its file, or it cannot be made.
    """
    if settings.master_key is not None:
        key = _read(settings.master_key.reveal(), "COUNTERFOIL_MASTER_KEY")
        return Sealing(key, random)
    path = settings.master_key_file
    try:
        if not path.exists() and may_make:
            _make(path, random)
        return Sealing(_read(_content(path), str(path)), random)
    except OSError as error:
        raise MasterKeyError(f"The master key {path}: {error.strerror}.") from None


def _content(path: Path) -> str:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise MasterKeyError(
                f"The master key {path} may be read or changed by others (mode {mode:04o}). "
                f"If nobody has: chmod 600 {path}"
            )
        return file.read(_MOST_BYTES).decode("ascii", "replace")


def _read(text: str, source: str) -> bytes:
    spelled = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        key = b64decode(f"{spelled}=", altchars=b"-_", validate=True)
    except (NotBase64, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"The master key in {source} is not {_SPELLED}.")
    return key


def _make(path: Path, random: Callable[[int], bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{random(8).hex()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(urlsafe_b64encode(random(KEY_BYTES)).rstrip(b"=") + b"\n")
            file.flush()
            os.fsync(descriptor)
        _publish(unfinished, path)
    finally:
        unfinished.unlink()


def _publish(unfinished: Path, path: Path) -> None:
    """Give a whole file its name, unless another process was first."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_kept(sealing: Sealing, sealed: bytes, context: str) -> bytes:
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
