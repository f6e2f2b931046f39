"""Bytes that a fuzzer has chosen, read piece by piece: each says how long it is."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Pieces:
    """Reads bytes from the front. When none are left, whatever is asked for is zero or empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int = 256) -> int:
        """A number of one byte."""
        taken = self._data[self._at : self._at + 1]
        self._at += 1
        return (taken[0] if taken else 0) % below

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]

    def piece(self) -> bytes:
        """Two bytes say how many follow."""
        length = self.number() << 8 | self.number()
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def text(self) -> str:
        """As headers and bodies are read that hold anything."""
        return self.piece().decode("latin-1")

    def rest(self) -> bytes:
        """All that is left."""
        taken, self._at = self._data[self._at :], len(self._data)
        return taken

    def json(self) -> Any:
        """What the next piece says, if it says something; its text if not."""
        said = self.piece()
        try:
            return json.loads(said)
        except (ValueError, RecursionError):
            return said.decode("latin-1")


def written(*parts: int | str | bytes) -> bytes:
    """Write what `Pieces` reads: numbers, and pieces with their length."""
    return b"".join(
        bytes([part]) if isinstance(part, int) else _with_length(part) for part in parts
    )


def _with_length(part: str | bytes) -> bytes:
    content = part.encode("latin-1") if isinstance(part, str) else part
    return len(content).to_bytes(2, "big") + content
