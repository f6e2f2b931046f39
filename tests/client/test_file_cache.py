"""The encrypted files: what is in them, under which key, and what is said of those that are not."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from counterfoil.client import CacheUnusable, Entry, FileCache
from tests.client.conversation import ISSUER

ENTRY = Entry(issuer=ISSUER, client_id="app", subject="ada@example.com")
OTHER = Entry(issuer=ISSUER, client_id="other")
CONTENT = b'{"tokens":"s3cret"}'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def test_what_is_kept_is_found_by_another_process_and_stands_nowhere_in_the_clear(place: Path):
    """S79: tokens, and for whom they are."""
    FileCache(place).write(ENTRY, CONTENT)
    assert FileCache(place).read(ENTRY) == CONTENT
    assert FileCache(place).read(OTHER) is None
    for path in place.iterdir():
        assert b"s3cret" not in path.read_bytes()
        assert b"ada@" not in path.read_bytes()
        assert "ada" not in path.name
        assert path.stat().st_mode & 0o777 == 0o600
    FileCache(place).remove(ENTRY)
    assert FileCache(place).read(ENTRY) is None


def test_the_key_is_made_once_whoever_comes_first(place: Path):
    """Many threads, each with a cache of its own: one key, and no file that does not open."""
    barrier = threading.Barrier(16)

    def write(number: int) -> None:
        barrier.wait()
        FileCache(place).write(Entry(issuer=ISSUER, client_id=str(number)), CONTENT)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(16)))
    for number in range(16):
        assert FileCache(place).read(Entry(issuer=ISSUER, client_id=str(number))) == CONTENT


def test_a_passphrase_opens_and_another_does_not(place: Path):
    FileCache(place, "correct horse").write(ENTRY, CONTENT)
    assert FileCache(place, "correct horse").read(ENTRY) == CONTENT
    assert not (place / "key").exists()
    with pytest.raises(CacheUnusable, match=r"passphrase is another one.*sign in again"):
        FileCache(place, "battery staple").read(ENTRY)
    with pytest.raises(CacheUnusable, match="key is another one"):
        FileCache(place).read(ENTRY)


@pytest.mark.parametrize("content", [b"", b"x", b"12345", b"-----BEGIN PRIVATE KEY-----"])
def test_a_file_that_is_no_cache_is_said(place: Path, content: bytes):
    FileCache(place).write(ENTRY, CONTENT)
    (place / ENTRY.name).write_bytes(content)
    with pytest.raises(CacheUnusable, match=f"{ENTRY.name} is no file of this cache: remove it"):
        FileCache(place).read(ENTRY)


def test_a_file_that_was_cut_off_is_said(place: Path):
    FileCache(place).write(ENTRY, CONTENT)
    whole = (place / ENTRY.name).read_bytes()
    for length in range(21, len(whole)):
        (place / ENTRY.name).write_bytes(whole[:length])
        with pytest.raises(CacheUnusable, match="altered or cut off"):
            FileCache(place).read(ENTRY)


def test_a_key_that_is_none_is_said(place: Path):
    FileCache(place).write(ENTRY, CONTENT)
    (place / "key").write_bytes(b"short")
    with pytest.raises(CacheUnusable, match="must have 32 bytes"):
        FileCache(place).read(ENTRY)


def test_one_at_a_time_has_an_entry(place: Path):
    unlock = FileCache(place).try_lock(ENTRY)
    assert unlock is not None
    assert FileCache(place).try_lock(ENTRY) is None
    unlock()
    assert FileCache(place).try_lock(ENTRY) is not None


def test_it_shows_where_it_is_and_nothing_else(place: Path):
    assert repr(FileCache(place, "s3cret")) == f"FileCache({str(place)!r})"
