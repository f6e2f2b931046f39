"""The notices on disk: a snapshot that is replaced whole, and lines that are added."""

import resource
import signal
from pathlib import Path

import pytest

from counterfoil.guard.kept_notices import KeptNotices

LINES = [(1, '{"a":"\\n"}'), (2, "b\nc")]


@pytest.fixture
def kept(tmp_path: Path) -> KeptNotices:
    return KeptNotices(tmp_path / "state", "https://a.example")


def keep(kept: KeptNotices, *pieces: bytes) -> None:
    with kept.draft() as draft:
        for piece in pieces:
            draft.write(piece)
        kept.keep(draft)


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "state").iterdir())


def snapshot(kept: KeptNotices) -> bytes:
    return b"".join(kept.pieces())


def test_what_is_kept_is_read(kept: KeptNotices):
    assert (snapshot(kept), list(kept.lines())) == (b"", [])
    keep(kept, b"ab" * 100_000, b"c")
    kept.append(LINES[:1])
    kept.append(LINES[1:])
    assert snapshot(kept) == b"ab" * 100_000 + b"c"
    assert list(kept.lines()) == LINES


def test_a_new_snapshot_begins_new_lines(kept: KeptNotices):
    keep(kept, b"old")
    kept.append(LINES)
    keep(kept, b"new")
    assert (snapshot(kept), list(kept.lines())) == (b"new", [])


def test_a_draft_that_is_not_kept_leaves_nothing(kept: KeptNotices, tmp_path: Path):
    keep(kept, b"old")
    with kept.draft() as draft:
        draft.write(b"new")
    assert snapshot(kept) == b"old"
    assert len(files(tmp_path)) == 2


def test_after_a_restart_lines_are_added(kept: KeptNotices, tmp_path: Path):
    keep(kept, b"s")
    kept.append(LINES[:1])
    again = KeptNotices(tmp_path / "state", "https://a.example")
    again.append(LINES[1:])
    assert list(again.lines()) == LINES


def test_a_line_that_was_left_unfinished_is_passed_over(kept: KeptNotices, tmp_path: Path):
    """A process died while it wrote; the next one's lines are whole."""
    keep(kept, b"s")
    kept.append(LINES[:1])
    lines = files(tmp_path)[0]
    lines.write_bytes(lines.read_bytes() + b'[2,"b')
    again = KeptNotices(tmp_path / "state", "https://a.example")
    again.append(LINES[1:])
    assert list(again.lines()) == LINES


def test_several_processes_may_add_to_one_file(kept: KeptNotices, tmp_path: Path):
    keep(kept, b"s")
    other = KeptNotices(tmp_path / "state", "https://a.example")
    kept.append(LINES[:1])
    other.append(LINES[:1])
    kept.append(LINES[1:])
    assert list(kept.lines()) == [LINES[0], LINES[0], LINES[1]]


def test_only_the_owner_may_read_them(kept: KeptNotices, tmp_path: Path):
    keep(kept, b"s")
    assert {file.stat().st_mode & 0o777 for file in files(tmp_path)} == {0o600}


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_can_write_is_not_trusted(kept: KeptNotices, tmp_path: Path, mode: int):
    keep(kept, b"s")
    kept.append(LINES)
    for file in files(tmp_path):
        file.chmod(mode)
    for read in (lambda: list(kept.pieces()), lambda: list(kept.lines())):
        with pytest.raises(ValueError, match="by others"):
            read()
    with pytest.raises(ValueError, match="by others"):
        kept.append(LINES)


def test_a_disk_that_takes_nothing_is_said_when_it_is_to_be_kept(tmp_path: Path):
    (tmp_path / "state").write_text("no directory")
    kept = KeptNotices(tmp_path / "state", "https://a.example")
    with kept.draft() as draft:
        draft.write(b"s")
        with pytest.raises(OSError, match="state"):
            kept.keep(draft)


def test_a_disk_that_is_full_leaves_the_snapshot_before(kept: KeptNotices, tmp_path: Path):
    """Half a snapshot takes nobody's place, and does not stay behind to fill the disk further."""
    keep(kept, b"old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with kept.draft() as draft:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
            for _ in range(4):
                draft.write(b"n" * 60_000)
            with pytest.raises(OSError, match="too large"):
                kept.keep(draft)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert snapshot(kept) == b"old"
    assert len(files(tmp_path)) == 2
