"""What a guard keeps on disk, so that it is not deaf after a restart. Everything is verified again.

The file holds nothing secret, but whoever can write it decides whom the guard trusts.
"""

import os
import stat
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from counterfoil.guard.discovery import Metadata


class Feed(Struct, frozen=True):
    """A signed snapshot, the lines heard after it with their numbers, the last signed head."""

    snapshot: str
    tail: tuple[tuple[int, str], ...] = ()
    head: str = ""


class Kept(Struct, frozen=True):
    """All of one issuer; key sets as they were published."""

    metadata: Metadata
    jwks: dict[str, object]
    feed_jwks: dict[str, object] = {}
    feed: Feed | None = None


class KeptFile:
    """One issuer's file below the state directory: mode 0600, replaced whole."""

    def __init__(self, state_dir: Path, issuer: str) -> None:
        self._path = state_dir / f"{sha256(issuer.encode()).hexdigest()[:32]}.json"

    def load(self) -> Kept | None:
        """Read the file; ``None`` where there is none.

        Raises:
            ValueError: where it cannot be read or trusted.
        """
        try:
            with self._path.open("rb") as file:
                self._demand_own(os.fstat(file.fileno()))
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
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(kept))
        draft.replace(self._path)

    def _demand_own(self, status: os.stat_result) -> None:
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError(f"{self._path} can be written by others: it is not used")
