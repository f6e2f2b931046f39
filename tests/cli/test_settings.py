"""The list of settings, with where each value comes from."""

from pathlib import Path

import pytest

from counterfoil.server.settings import SETTINGS
from tests.cli.conftest import Installation


def test_every_setting_is_listed_with_its_source(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    installation.data.mkdir()
    (installation.data / "counterfoil.toml").write_text("port = 9000\nworkers = 2\n")
    monkeypatch.setenv("COUNTERFOIL_WORKERS", "3")
    listed = {row["name"]: row for row in installation.json("settings")["settings"]}
    assert list(listed) == list(SETTINGS)
    assert set(listed["port"]) == {
        "name", "value", "source", "default", "unit", "variable", "help",
    }  # fmt: skip
    seen = {name: (row["value"], row["source"]) for name, row in listed.items()}
    assert seen["data"] == (str(installation.data), "command line")
    assert seen["workers"] == ("3", "environment")
    assert seen["port"] == ("9000", "file")
    assert seen["host"] == ("127.0.0.1", "default")
    assert listed["workers"]["variable"] == "COUNTERFOIL_WORKERS"


def test_a_file_is_named_by_hand(installation: Installation, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('log_level = "error"\n')
    printed = installation.succeed("settings", "--config", str(file))
    (line,) = [line for line in printed.splitlines() if line.startswith("log_level")]
    assert line.split()[1:3] == ["error", "file"]


def test_the_master_key_is_never_shown(installation: Installation, monkeypatch: pytest.MonkeyPatch):
    """S110: only that it is set."""
    key = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
    monkeypatch.setenv("COUNTERFOIL_MASTER_KEY", key)
    assert key not in installation.succeed("settings") + installation.succeed("settings", "--json")


def test_a_wrong_setting_is_said_in_a_line(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COUNTERFOIL_PROT", "9000")
    assert "Did you mean COUNTERFOIL_PORT?" in installation.refused("settings")
