"""Segments as files: written whole, read strictly, walked, and erased from (S111)."""

import os
import stat
from pathlib import Path

import msgspec
import pytest

from counterfoil.server.audit import files
from counterfoil.server.audit.files import BrokenFile, header_of
from counterfoil.server.records.audit import Segment
from counterfoil.server.records.erased import ErasedLines
from tests.server.audit.log import log, named, segment_of


def written(directory: Path, count: int = 9) -> tuple[Path, Segment]:
    entries = log(count)
    segment = segment_of(entries)
    return files.write(directory, header_of(segment, "https://id.example"), entries), segment


def faults_of(path: Path, *segments: Segment) -> list[tuple[int, int]]:
    return named(files.walk(path, segments, ()).faults)


def test_a_file_holds_its_lines_and_is_for_its_owner_alone(tmp_path: Path):
    """S111: JSON lines, mode 0600, with first and last number and digests."""
    path, segment = written(tmp_path / "new")
    assert path.name == "audit-000000000001-000000000009.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    header, entries = files.read(path)
    assert list(entries) == log(9)
    assert (header.first_number, header.last_number) == (1, 9)
    assert (header.digest_before, header.last_digest) == (
        segment.digest_before,
        segment.last_digest,
    )
    assert faults_of(path, segment) == []
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_that_cannot_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """S111: half a segment is never found under its name."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        written(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_lines_of_the_same_numbers_are_never_replaced(tmp_path: Path):
    """After a restore numbers come again: what was exported before it is evidence."""
    path, segment = written(tmp_path)
    assert written(tmp_path)[0] == path, "the same lines may be written again"
    other = header_of(msgspec.structs.replace(segment, last_digest="another"), "https://id.example")
    with pytest.raises(OSError, match="move it away, and keep it"):
        files.write(tmp_path, other, log(9))
    path.write_bytes(b"no file of ours")
    with pytest.raises(OSError, match="move it away, and keep it"):
        files.write(tmp_path, header_of(segment, "https://id.example"), log(9))


@pytest.mark.parametrize("row", range(1, 10))
def test_any_row_that_was_changed_taken_out_or_moved_is_named(tmp_path: Path, row: int):
    """S111."""
    path, segment = written(tmp_path)
    rows = path.read_bytes().splitlines()
    changed = rows[row].replace(b'"family-', b'"famili-')
    for tampered in (
        [*rows[:row], changed, *rows[row + 1 :]],
        [*rows[:row], *rows[row + 1 :]],
        [*rows[:row], rows[row], rows[row], *rows[row + 1 :]],
    ):
        path.write_bytes(b"\n".join(tampered) + b"\n")
        found = faults_of(path, segment)
        assert found
        assert any(first <= row <= last for first, last in found)


def test_a_file_that_was_rewritten_as_a_whole_is_not_the_segment_that_was_closed(tmp_path: Path):
    """S111: the database keeps the digests that the segment had."""
    path, segment = written(tmp_path)
    entries = log(9)
    other = segment_of(entries, last_digest="x" * 43)
    assert faults_of(path, other) == [(1, 9)]
    assert faults_of(path, segment) == []
    assert faults_of(path) == [(1, 9)], "nobody closed such a segment here"


def test_what_is_no_file_of_ours_is_said_to_be_broken(tmp_path: Path):
    path = tmp_path / "audit-x.jsonl"
    other, no_text = b'{"format":"other"}', b'{"format":"\xff"}'
    for content in (b"", b"\x00", b"{}", b"[]", other, no_text, b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(BrokenFile, match=r"audit-x\.jsonl"):
            files.read(path)
        assert faults_of(path) == [(0, 0)]
    whole, _ = written(tmp_path)
    begun = whole.read_bytes()
    whole.write_bytes(begun + b'{"line":"\xff"}\n')
    with pytest.raises(BrokenFile, match="row 11"):
        list(files.read(whole)[1])
    whole.write_bytes(begun + b'{"line":1}\n')
    with pytest.raises(BrokenFile, match="row 11"):
        list(files.read(whole)[1])


def test_a_person_is_erased_from_a_file_and_the_chain_holds(tmp_path: Path):
    """S111: what was exported can be erased too."""
    path, segment = written(tmp_path)
    assert b'"person-1"' in path.read_bytes()
    assert files.would_erase(path, "person-1").parts == 6
    assert b'"person-1"' in path.read_bytes()
    assert files.erase(path, "person-1") == 3
    assert b'"person-1"' not in path.read_bytes()
    assert b'"person-2"' in path.read_bytes()
    walk = files.walk(path, [segment], ())
    lines = frozenset({1, 4, 7})
    assert (walk.faults, walk.erased) == ([], ErasedLines(lines, lines))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    untouched = path.stat().st_ino
    assert files.erase(path, "person-1") == 0
    assert path.stat().st_ino == untouched
