"""Files that nobody else may read or replace."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.client.errors import CacheUnusable
from counterfoil.client.private_files import PrivateFiles

HOLD = """
import os, sys
from counterfoil.client.private_files import PrivateFiles
assert PrivateFiles(sys.argv[1], os.urandom).try_lock("a")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def files(tmp_path: Path) -> PrivateFiles:
    return PrivateFiles(tmp_path / "state" / "counterfoil", os.urandom)


def modes(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_else_may_read_what_is_made(files: PrivateFiles):
    files.write("a", b"x")
    assert modes(files.directory) == 0o700
    assert modes(files.directory / "a") == 0o600


def test_what_is_written_is_read_and_nothing_is_left_beside_it(files: PrivateFiles):
    assert files.read("a") is None
    for content in (b"one", b"two"):
        files.write("a", content)
        assert files.read("a") == content
    assert [each.name for each in files.directory.iterdir()] == ["a"]
    files.remove("a")
    files.remove("a")
    assert files.read("a") is None


def test_what_is_made_once_is_not_made_again(files: PrivateFiles):
    """Two processes that make a key at once get the same one."""
    files.make("key", b"one")
    files.make("key", b"two")
    assert files.read("key") == b"one"
    assert [each.name for each in files.directory.iterdir()] == ["key"]


def test_a_lock_is_one_s_own_until_it_is_given_back(files: PrivateFiles):
    unlock = files.try_lock("a")
    assert unlock is not None
    assert PrivateFiles(files.directory, os.urandom).try_lock("a") is None
    assert files.try_lock("b") is not None
    unlock()
    assert files.try_lock("a") is not None


def test_a_process_that_is_killed_gives_its_lock_back(files: PrivateFiles):
    """kill -9: the system knows."""
    files.write("x", b"")
    command = [sys.executable, "-c", HOLD, str(files.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert files.try_lock("a") is None
        process.kill()
        process.wait()
        assert files.try_lock("a") is not None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_what_is_open_to_others_is_not_used(files: PrivateFiles, mode: int):
    files.write("a", b"x")
    (files.directory / "a").chmod(mode)
    with pytest.raises(CacheUnusable, match="chmod 600"):
        files.read("a")
    files.directory.chmod(mode | 0o700)
    with pytest.raises(CacheUnusable, match="chmod 700"):
        PrivateFiles(files.directory, os.urandom).write("a", b"x")


def test_what_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheUnusable, match="file"):
        PrivateFiles(tmp_path / "file", os.urandom).write("a", b"x")
    with pytest.raises(CacheUnusable, match="Not a directory"):
        PrivateFiles(tmp_path / "file" / "below", os.urandom).write("a", b"x")


def test_a_child_that_was_forked_meanwhile_does_not_keep_a_lock(files: PrivateFiles):
    """It has the same open file: as long as it lived, nobody else could have refreshed."""
    unlock = files.try_lock("a")
    assert unlock is not None
    child = os.fork()
    if not child:
        signal.pause()
    try:
        unlock()
        again = files.try_lock("a")
        assert again is not None
        again()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
