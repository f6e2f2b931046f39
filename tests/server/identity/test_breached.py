"""Passwords that were stolen elsewhere are found in a file of any length, and in no other."""

import hashlib
import logging
from pathlib import Path

import pytest

from counterfoil.server.identity.breached import BadList, Breached


def digest_of(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def written(path: Path, passwords: list[str], end: str = "\r\n") -> Path:
    lines = sorted(f"{digest_of(each)}:{len(each)}" for each in passwords)
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


@pytest.mark.parametrize("count", [1, 2, 3, 80, 100, 101, 5000])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_each_of_them_is_found_and_no_other(tmp_path: Path, count: int, end: str):
    passwords = [f"stolen {number}" for number in range(count)]
    breached = Breached(written(tmp_path / "list", passwords, end))
    breached.demand_usable()
    assert all(breached.holds(each) for each in passwords)
    assert not any(breached.holds(f"never {number}") for number in range(200))


def test_counts_may_be_missing_and_letters_small(tmp_path: Path):
    path = tmp_path / "list"
    path.write_text("\n".join(sorted(digest_of(str(each)).lower() for each in range(300))))
    breached = Breached(path)
    breached.demand_usable()
    assert breached.holds("299")
    assert not breached.holds("300")


def test_without_a_file_none_is_known():
    Breached().demand_usable()
    assert not Breached().holds("password")


@pytest.mark.parametrize(
    "content", [b"", b"password\n", b"\0" * 9000, b"A" * 9000, b"F" * 40 + b"\n" + b"0" * 40]
)
def test_another_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "list"
    path.write_bytes(content)
    with pytest.raises(BadList):
        Breached(path).demand_usable()
    assert not Breached(path).holds("password")


def test_a_list_in_another_order_is_refused(tmp_path: Path):
    """Such as by how often each was seen, though its ends are in order by chance."""
    path = written(tmp_path / "list", [str(each) for each in range(5000)], "\n")
    first, *between, last = path.read_text().splitlines()
    path.write_text("\n".join([first, *sorted(between, key=lambda line: line[20:]), last]))
    with pytest.raises(BadList, match="not sorted"):
        Breached(path).demand_usable()


def test_a_list_that_was_cut_short_is_refused(tmp_path: Path):
    path = written(tmp_path / "list", [str(each) for each in range(5000)], "\n")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadList):
        Breached(path).demand_usable()


def test_a_file_that_goes_is_said_once_and_keeps_nobody_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = written(tmp_path / "list", ["stolen"])
    breached = Breached(path)
    path.unlink()
    with pytest.raises(BadList, match="cannot be read"):
        breached.demand_usable()
    with caplog.at_level(logging.ERROR):
        assert not breached.holds("stolen")
        assert not breached.holds("stolen")
    assert len(caplog.messages) == 1
    assert "stolen" not in caplog.text
