"""The file of the master keys: made once, whole at every moment, its owner's alone."""

import os
from pathlib import Path

import pytest

from counterfoil.server.keys.master_key_file import Exposed, content, make, new_line, replace


def test_whoever_comes_second_makes_none(tmp_path: Path):
    path = tmp_path / "deep" / "master.key"
    make(path, os.urandom)
    first = content(path)
    make(path, os.urandom)
    assert content(path) == first
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]


def test_a_file_is_replaced_whole_and_stays_its_owners(tmp_path: Path):
    path = tmp_path / "master.key"
    make(path, os.urandom)
    lines = [new_line(os.urandom), "former:" + content(path).strip()]
    replace(path, lines, os.urandom)
    assert content(path).split() == lines
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["master.key"]


def test_what_others_may_read_is_not_used(tmp_path: Path):
    path = tmp_path / "master.key"
    make(path, os.urandom)
    path.chmod(0o644)
    with pytest.raises(Exposed, match="chmod 600"):
        content(path)
