"""What is installed is pinned by hash; no lock names a host, or a place on a machine."""

import json
import re

import pytest

from tests.architecture.sources import ROOT

LOCKS = [
    "requirements-setup.lock",
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-soak.lock",
]
CONFIGURATION = [
    *LOCKS,
    "requirements-setup.in",
    "pyproject.toml",
    "Makefile",
    ".ci/run",
    "scripts/lock",
    "tests/interop/.npmrc",
    "tests/interop/package.json",
    "tests/interop/package-lock.json",
]
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)")
MACHINE = re.compile(r"(?<![\w.$/])/(home|root|opt|work|tmp|mnt|srv|Users|var)/")


@pytest.mark.parametrize("name", CONFIGURATION)
def test_no_host_and_no_machine_is_named(name: str):
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if re.search(r"[a-z]://", line) or MACHINE.search(line)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str):
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert blocks
    assert [block for block in blocks if not PIN.match(block)] == []
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_what_runs_is_what_is_tested():
    """The lock of the server pins nothing that the lock of the tests does not pin alike."""
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_the_client_libraries_from_npm_are_pinned_by_integrity():
    tree = json.loads((ROOT / "tests/interop/package-lock.json").read_text())["packages"]
    packages = {name: package for name, package in tree.items() if name}
    assert packages
    assert [name for name, package in packages.items() if "integrity" not in package] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


def test_no_lock_of_uv_is_kept():
    """A uv.lock names its registry's hosts (docs/decisions/0002)."""
    assert "uv.lock" in (ROOT / ".gitignore").read_text().splitlines()


def pins(name: str) -> set[tuple[str, str]]:
    lines = (ROOT / name).read_text().splitlines()
    return {match.groups() for line in lines if (match := PIN.match(line))}
