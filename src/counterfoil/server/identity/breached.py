"""Passwords that were stolen elsewhere: a sorted file of SHA-1 digests, searched by halves.

It is the form in which Have I Been Pwned gives them away, "ordered by hash" (ASVS 5.0 §6.2.12).
"""

import hashlib
import hmac
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_LINE: Final = re.compile(rb"([0-9A-Fa-f]{40})(:[0-9]+)?\r?\n?")
_LONGEST: Final = 64
"""Bytes of a line, its end included."""
_FEW: Final = 4096
"""Bytes that are read at once in the end."""
_LOOKS: Final = 64
"""So many lines are in order by chance in no list that is in another."""
_LOG: Final = logging.getLogger(__name__)


class BadList(ValueError):
    """The file is no list of this form; says why."""


class Breached:
    """Looks passwords up. Without a file it knows none. Nothing is held in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._said = ""

    def demand_usable(self) -> None:
        """Look at lines all over the file: one that is ordered by counts would find nothing.

        Raises:
            BadList: it cannot be read, is something else, or is not sorted.
        """
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                found = [_digest_in(line) for line in _looked_at(file)]
        except OSError as error:
            raise BadList(f"{self._path} cannot be read: {error.strerror}") from None
        if found != sorted(found):
            raise BadList(f"{self._path} is not sorted by its digests.")

    def holds(self, password: str) -> bool:
        """Whether a password is in the list. It reads a disk.

        Nobody is kept from choosing one by a file that cannot be read; the log says so.
        """
        if self._path is None:
            return False
        octets = password.encode("utf-8", "surrogatepass")
        digest = hashlib.sha1(octets, usedforsecurity=False).hexdigest().upper().encode()
        try:
            with self._path.open("rb") as file:
                return _is_in(file, digest)
        except (BadList, OSError) as error:
            self._say(f"{error}")
            return False

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            _LOG.error("breached_passwords_file cannot be used: %s", what)


def _looked_at(file: BinaryIO) -> Iterator[bytes]:
    """Give the first line, some in between, and the last."""
    size = file.seek(0, 2)
    file.seek(0)
    yield file.readline(_LONGEST)
    for part in range(1, _LOOKS):
        file.seek(size * part // _LOOKS)
        file.readline(_LONGEST)
        line = file.readline(_LONGEST)
        if line:
            yield line
    file.seek(-min(2 * _LONGEST, size), 2)
    yield file.read().splitlines()[-1]


def _is_in(file: BinaryIO, digest: bytes) -> bool:
    low, high = 0, file.seek(0, 2)
    # The line begins at ``low`` or after it, and before ``high``; at ``low`` one begins.
    while high - low > _FEW:
        middle = (low + high) // 2
        file.seek(middle)
        begins = middle + len(file.readline(_LONGEST))
        line = file.readline(_LONGEST)
        if begins >= high or not line or _digest_in(line) > digest:
            high = middle + 1
        else:
            low = begins
    file.seek(low)
    lines = file.read(high - low + _LONGEST).splitlines()
    return any(hmac.compare_digest(line[:40].upper(), digest) for line in lines)


def _digest_in(line: bytes) -> bytes:
    found = _LINE.fullmatch(line)
    if found is None:
        raise BadList("a line is no SHA-1 digest in hexadecimal, with or without :COUNT.")
    return found[1].upper()
