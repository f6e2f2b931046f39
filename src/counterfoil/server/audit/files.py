"""Segments of the audit log as files: JSON lines, mode 0600, written whole and then renamed."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.server.audit.walk import Fault, Walk
from counterfoil.server.records.audit import Entry, Point, Segment
from counterfoil.server.records.erased import ErasedLines

PATTERN: Final = "audit-*.jsonl"
_FORMAT: Final = "counterfoil audit 1"
_ENTRY: Final = msgspec.json.Decoder(Entry)


class BrokenFile(Exception):
    """A file is no segment of an audit log. The text says where and why."""


class Header(Struct, frozen=True, kw_only=True):
    """The first line of a file: which lines follow, and the digests before and after them."""

    format: str
    issuer: str
    first_number: int
    last_number: int
    digest_before: str
    last_digest: str


def header_of(segment: Segment, issuer: str) -> Header:
    """Give the header of a segment's file."""
    return Header(
        format=_FORMAT,
        issuer=issuer,
        first_number=segment.first_number,
        last_number=segment.last_number,
        digest_before=segment.digest_before,
        last_digest=segment.last_digest,
    )


def write(directory: Path, header: Header, entries: Iterable[Entry]) -> Path:
    """Write the file of a segment; it is on the disk when this returns.

    Raises:
        OSError: it cannot be written, or holds other lines, as those from before a backup was
            restored; no half of it is left under its name.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"audit-{header.first_number:012}-{header.last_number:012}.jsonl"
    if path.exists() and not path.is_symlink() and not _holds_the_same(path, header):
        raise OSError(f"{path} holds other lines of the same numbers: move it away, and keep it")
    _replace(path, [header, *entries])
    return path


def _holds_the_same(path: Path, header: Header) -> bool:
    try:
        there, _ = read(path)
    except BrokenFile:
        return False
    return (there.digest_before, there.last_digest) == (header.digest_before, header.last_digest)


def read(path: Path) -> tuple[Header, Iterator[Entry]]:
    """Read a file back, entry by entry.

    Raises:
        BrokenFile: it is none of ours, or was damaged; also while entries are read.
        OSError: it cannot be read.
    """
    # Only a line feed ends a line: other separators may stand within a text.
    texts = path.read_bytes().split(b"\n")
    try:
        header = msgspec.json.decode(texts[0], type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        header = None
    if header is None or header.format != _FORMAT:
        raise BrokenFile(f"{path.name} does not begin as a file of the audit log does")
    return header, _entries(path, texts[1:])


def _entries(path: Path, texts: Iterable[bytes]) -> Iterator[Entry]:
    for number, text in enumerate(texts, 2):
        if text:
            try:
                yield _ENTRY.decode(text)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise BrokenFile(f"{path.name}: row {number} cannot be read") from None


def walk(path: Path, segments: Iterable[Segment], wanted: Iterable[int]) -> Walk:
    """Walk a file from the digest before it to the digest after it.

    It must begin and end as one of ``segments`` does.
    """
    try:
        return _walk(path, segments, wanted)
    except BrokenFile as error:
        broken = Walk(Point(0, ""))
        broken.faults.append(Fault(0, 0, f"The file {error}."))
        return broken


def _walk(path: Path, segments: Iterable[Segment], wanted: Iterable[int]) -> Walk:
    header, entries = read(path)
    end = Point(header.last_number, header.last_digest)
    walked = Walk(Point(header.first_number - 1, header.digest_before), wanted)
    for entry in entries:
        walked.take(entry)
    if walked.at != end:
        walked.faults.append(_fault(header, "does not end at the digest that it names"))
    recorded = [each for each in segments if each.last_number == header.last_number]
    if [(each.before, each.end) for each in recorded] != [(walked_from(header), end)]:
        walked.faults.append(_fault(header, "is not the segment that was closed here"))
    return walked


def walked_from(header: Header) -> Point:
    """Where the chain stood before a file."""
    return Point(header.first_number - 1, header.digest_before)


def _fault(header: Header, what: str) -> Fault:
    first, last = header.first_number, header.last_number
    return Fault(first, last, f"The file of lines {first} to {last} {what}.")


def would_erase(path: Path, user_id: str) -> ErasedLines:
    """Say of which lines in a file ``erase`` would blank a part.

    Raises:
        BrokenFile: it is none of ours, or was damaged.
        OSError: it cannot be read.
    """
    _, entries = read(path)
    by, about = set[int](), set[int]()
    for entry in entries:
        after = entry.without(user_id)
        if entry.by != after.by:
            by.add(entry.line.number)
        if entry.about != after.about:
            about.add(entry.line.number)
    return ErasedLines(frozenset(by), frozenset(about))


def erase(path: Path, user_id: str) -> int:
    """Erase what names or locates a person in a file; says in how many lines.

    Raises:
        BrokenFile: it is none of ours, or was damaged; it stays as it is.
        OSError: it cannot be read or written.
    """
    header, entries = read(path)
    before = list(entries)
    after = [entry.without(user_id) for entry in before]
    changed = sum(new != old for new, old in zip(after, before, strict=True))
    if changed:
        _replace(path, [header, *after])
    return changed


def _replace(path: Path, rows: Iterable[Struct]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
