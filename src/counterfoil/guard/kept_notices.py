"""The notices that a guard keeps on disk: the last snapshot, and the lines that came after it.

Both files have mode 0600. A snapshot is written as it comes and replaces the one before whole;
lines are appended once a signed head has proved them. Everything is verified again at a restart,
so it does no harm where the two do not fit, or where several processes append to one file.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from counterfoil.guard.kept import begin, draft_of, open_own, path_of

_PIECE: Final = 64 * 1024


class KeptNotices:
    """One issuer's notices below the state directory."""

    def __init__(self, state_dir: Path, issuer: str) -> None:
        self._snapshot = path_of(state_dir, issuer, "notices")
        self._lines = path_of(state_dir, issuer, "lines")

    def pieces(self) -> Iterator[bytes]:
        """Read the snapshot; nothing where there is none.

        Raises:
            ValueError: where it can be written by others.
            OSError: where it cannot be read.
        """
        try:
            file = open_own(self._snapshot)
        except FileNotFoundError:
            return
        with file:
            while piece := file.read(_PIECE):
                yield piece

    def lines(self) -> Iterator[tuple[int, str]]:
        """Read the lines with their numbers. Raises as :meth:`pieces`.

        A line that cannot be read is passed over: a process may have died while it wrote.
        """
        try:
            file = open_own(self._lines)
        except FileNotFoundError:
            return
        with file:
            for line in file:
                try:
                    yield msgspec.json.decode(line, type=tuple[int, str])
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue

    @contextmanager
    def draft(self) -> Iterator["Draft"]:
        """Begin a new snapshot. It is thrown away unless it is kept before the context is left."""
        draft = Draft(self._snapshot)
        try:
            yield draft
        finally:
            draft.throw_away()

    def keep(self, draft: "Draft") -> None:
        """Put a snapshot in the place of the one before, and begin new lines.

        Raises:
            OSError: where it could not be written.
        """
        draft.take_place()
        lines = draft_of(self._lines)
        begin(lines).close()
        lines.replace(self._lines)

    def append(self, lines: list[tuple[int, str]]) -> None:
        """Add lines.

        Raises:
            OSError: where they cannot be written.
            ValueError: where others can write the file.
        """
        if lines:
            with open_own(self._lines, to_append=True) as file:
                # The first end is that of a line which a process may have left unfinished.
                file.write(b"\n" + b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


class Draft:
    """A snapshot that is being written. What goes wrong is said when it is to take its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = draft_of(path)
        self._error: OSError | None = None
        self._file: BinaryIO | None = None
        self._opened = ExitStack()
        try:
            self._file = self._opened.enter_context(begin(self._draft))
        except OSError as error:
            self._error = error

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        if self._file is None or self._error is not None:
            return
        try:
            self._file.write(piece)
        except OSError as error:
            self._error = error

    def take_place(self) -> None:
        """Replace the snapshot before.

        Raises:
            OSError: where this one could not be written.
        """
        if self._error is not None:
            raise self._error
        self._opened.close()
        self._draft.replace(self._path)

    def throw_away(self) -> None:
        """Remove what was written, unless it has taken its place."""
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)
            self._opened.close()
