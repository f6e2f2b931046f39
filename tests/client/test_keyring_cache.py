"""Tokens in a keyring: keyring's own backends, and one of its kind that keeps a file."""

import json
import sys
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordDeleteError

from counterfoil.client import CacheUnusable, Entry, KeyringCache
from tests.client.conversation import ISSUER

ENTRY = Entry(issuer=ISSUER, client_id="app", subject="ada@example.com")
CONTENT = b'{"tokens":"s3cret"}'


class FileKeyring(KeyringBackend):
    """A backend as others write them: one file, and an error for what is not there."""

    priority = 1
    path: Path
    locked = False

    def _all(self) -> dict[str, str]:
        if self.locked:
            raise KeyringLocked("the keyring is locked")
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self.path.write_text(json.dumps(self._all() | {f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        found = self._all()
        if found.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError("not there")
        self.path.write_text(json.dumps(found))


@pytest.fixture
def backend(tmp_path: Path) -> FileKeyring:
    it = FileKeyring()
    it.path = tmp_path / "keyring.json"
    return it


def test_what_is_kept_is_found_again(tmp_path: Path, backend: FileKeyring):
    """S79: where the system keeps its own secrets; the name says nothing of the person."""
    KeyringCache(tmp_path / "locks", backend=backend).write(ENTRY, CONTENT)
    cache = KeyringCache(tmp_path / "locks", backend=backend)
    assert cache.read(ENTRY) == CONTENT
    assert list(json.loads(backend.path.read_text())) == [f"counterfoil/{ENTRY.name}"]
    cache.remove(ENTRY)
    cache.remove(ENTRY)
    assert cache.read(ENTRY) is None


def test_one_at_a_time_has_an_entry(tmp_path: Path, backend: FileKeyring):
    unlock = KeyringCache(tmp_path / "locks", backend=backend).try_lock(ENTRY)
    assert unlock is not None
    assert KeyringCache(tmp_path / "locks", backend=backend).try_lock(ENTRY) is None
    unlock()


def test_a_system_without_a_keyring_is_said(tmp_path: Path):
    cache = KeyringCache(tmp_path / "locks", backend=fail.Keyring())
    for act in (lambda: cache.read(ENTRY), lambda: cache.write(ENTRY, CONTENT)):
        with pytest.raises(CacheUnusable, match="No recommended backend"):
            act()


def test_a_locked_keyring_is_said(tmp_path: Path, backend: FileKeyring):
    backend.locked = True
    with pytest.raises(CacheUnusable, match="the keyring is locked"):
        KeyringCache(tmp_path / "locks", backend=backend).read(ENTRY)


def test_a_keyring_that_keeps_nothing_has_nothing(tmp_path: Path):
    cache = KeyringCache(tmp_path / "locks", backend=null.Keyring())
    cache.write(ENTRY, CONTENT)
    assert cache.read(ENTRY) is None


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(CacheUnusable, match=r"pip install 'counterfoil\[keyring\]'"):
        KeyringCache(tmp_path / "locks")
