"""The master key: made once, kept from others, the same for every process."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.keys.master_key import MasterKeyError, load_master_key
from counterfoil.server.settings import Settings


def opened_by_both(data: Path) -> bool:
    settings = Settings(data=data)
    sealed = load_master_key(settings, os.urandom).seal(b"x", "a")
    return load_master_key(settings, os.urandom).open(sealed, "a") == b"x"


def test_the_file_is_made_for_its_owner_alone_and_is_the_same_on_the_next_start(tmp_path: Path):
    """S83: the key lies neither in the source nor in the database."""
    data = tmp_path / "new" / "data"
    assert opened_by_both(data)
    assert (data / "master.key").stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in data.iterdir()] == ["master.key"]


def test_two_installations_have_different_keys(tmp_path: Path):
    for name in ("a", "b"):
        load_master_key(Settings(data=tmp_path / name), os.urandom)
    texts = {(tmp_path / name / "master.key").read_text() for name in ("a", "b")}
    assert len(texts) == 2
    assert {len(text) for text in texts} == {44}


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path):
    path = tmp_path / "master.key"
    path.write_text("x" * 43 + "\n")
    path.chmod(0o600)
    load_master_key(Settings(data=tmp_path), os.urandom)
    assert path.read_text() == "x" * 43 + "\n"


STARTING = """
import os, sys
from pathlib import Path
from counterfoil.server.keys.master_key import load_master_key
from counterfoil.server.settings import Settings
settings = Settings(data=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(load_master_key(settings, os.urandom).seal(b"x", "a").hex(), flush=True)
"""


def test_processes_that_start_at_once_end_up_with_the_same_key(tmp_path: Path):
    children = [
        subprocess.Popen(
            [sys.executable, "-c", STARTING, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    sealed = [bytes.fromhex(child.communicate(timeout=60)[0]) for child in children]
    key = load_master_key(Settings(data=tmp_path), os.urandom)
    assert [key.open(each, "a") for each in sealed] == [b"x"] * 6
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int):
    settings = Settings(data=tmp_path)
    load_master_key(settings, os.urandom)
    settings.master_key_file.chmod(mode)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        load_master_key(settings, os.urandom)


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff" * 32, b"x" * 42, b"x" * 45, b"x" * 2000, b"!" * 43]
)
def test_a_file_of_the_wrong_length_is_refused_without_showing_it(tmp_path: Path, content: bytes):
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MasterKeyError, match=r"master\.key is not 32 bytes") as it:
        load_master_key(Settings(data=tmp_path), os.urandom)
    assert "xxx" not in str(it.value)


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    settings = Settings(data=tmp_path, master_key_file=tmp_path / "file" / "master.key")
    with pytest.raises(MasterKeyError, match=r"file/master\.key"):
        load_master_key(settings, os.urandom)


@pytest.mark.parametrize("spell", [base64.b64encode, base64.urlsafe_b64encode])
def test_the_environment_may_give_the_key_and_then_no_file_is_made(tmp_path: Path, spell):
    """S83: so that a store of secrets can hand it over."""
    key = bytes([0xFB, 0xEF, 0xFF, *range(29)])
    settings = Settings(data=tmp_path, master_key=Secret(spell(key).decode()))
    sealed = load_master_key(settings, os.urandom).seal(b"x", "a")
    unpadded = Settings(data=tmp_path, master_key=Secret(spell(key).decode().rstrip("=")))
    assert load_master_key(unpadded, os.urandom).open(sealed, "a") == b"x"
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key_in_the_environment_is_refused_without_showing_it(tmp_path: Path):
    with pytest.raises(MasterKeyError, match="COUNTERFOIL_MASTER_KEY is not 32 bytes") as it:
        load_master_key(Settings(data=tmp_path, master_key=Secret("hunter2")), os.urandom)
    assert "hunter2" not in str(it.value)
