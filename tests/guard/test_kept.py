"""What is kept on disk for a restart."""

from pathlib import Path

import pytest

from counterfoil.guard.discovery import Metadata
from counterfoil.guard.kept import Kept, KeptFile

KEPT = Kept(Metadata("https://a.example", "https://a.example/jwks"), {"keys": []}, {"keys": []},
            "head")  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> KeptFile:
    return KeptFile(tmp_path / "state", "https://a.example")


def test_what_is_saved_is_loaded(file: KeptFile):
    assert file.load() is None
    file.save(KEPT)
    assert file.load() == KEPT


def test_only_the_owner_may_read_it(file: KeptFile, tmp_path: Path):
    file.save(KEPT)
    file.save(KEPT)
    (written,) = (tmp_path / "state").iterdir()
    assert written.stat().st_mode & 0o777 == 0o600
    assert written.parent.stat().st_mode & 0o777 == 0o700


def test_each_issuer_has_its_own(tmp_path: Path):
    KeptFile(tmp_path, "https://a.example").save(KEPT)
    assert KeptFile(tmp_path, "https://b.example").load() is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_can_write_is_not_trusted(file: KeptFile, tmp_path: Path, mode: int):
    file.save(KEPT)
    (written,) = (tmp_path / "state").iterdir()
    written.chmod(mode)
    with pytest.raises(ValueError, match="by others"):
        file.load()


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", b"[1]"])
def test_what_cannot_be_read_is_said(file: KeptFile, tmp_path: Path, content: bytes):
    file.save(KEPT)
    (written,) = (tmp_path / "state").iterdir()
    written.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        file.load()


def test_a_link_laid_in_the_way_is_not_followed(file: KeptFile, tmp_path: Path):
    file.save(KEPT)
    (written,) = (tmp_path / "state").iterdir()
    victim = tmp_path / "victim"
    victim.write_text("mine")
    written.unlink()
    written.symlink_to(victim)
    file.save(KEPT)
    assert victim.read_text() == "mine"
    assert not written.is_symlink()


def test_a_link_is_not_read(file: KeptFile, tmp_path: Path):
    file.save(KEPT)
    (written,) = (tmp_path / "state").iterdir()
    written.rename(tmp_path / "elsewhere")
    written.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="cannot be read"):
        file.load()
