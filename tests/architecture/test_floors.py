"""The floors of ARCHITECTURE.md, kept by import-linter; the contracts stand in pyproject.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_stands_lower_knows_nothing_of_what_stands_higher():
    """Every contract holds, each library has one door, and no folder stands outside the floors."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_floors_name_every_part():
    """A new folder must take its place on a floor before it can be used."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    floors = [contract for contract in linter["contracts"] if contract.get("exhaustive")]
    assert [floor["containers"] for floor in floors] == [["counterfoil"], ["counterfoil.server"]]
