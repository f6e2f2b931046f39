"""A test whose tool is missing is skipped loudly here, and fails in CI unless left out by hand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.conftest import TOOLS

SAMPLE = """
import pytest

@pytest.mark.npm
def test_with_npm(): ...

def test_without(): ...
"""
MARKERS = "[pytest]\nmarkers =\n    npm: needs npm\n    browser: needs a browser\n"


USES = {
    "npm": re.compile(r"\.look\("),  # axe-core comes from there
    "nginx": re.compile(r"from tests\.nginx import .*proxying"),
}


def test_every_tool_that_a_marker_names_is_looked_for(request: pytest.FixtureRequest):
    """Or else its tests fail where it is missing, and `WITHOUT` does not know its name."""
    lines = request.config.getini("markers")
    named = {line.partition(":")[0] for line in lines if re.search(r": needs ", line)}
    assert {"browser", "nginx", "npm"} <= named
    assert named <= set(TOOLS)


@pytest.mark.parametrize("tool", USES)
def test_a_page_that_uses_a_tool_says_so(tool: str):
    every = {each.name: each.read_text() for each in (ROOT / "tests" / "browser").glob("test_*.py")}
    using = [name for name, text in every.items() if USES[tool].search(text)]
    assert using
    assert [name for name in using if f"pytest.mark.{tool}" not in every[name]] == []


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({}, 0, ["!! 1 tests did NOT run: npm is missing", "1 passed, 1 skipped"]),
        ({"CI": "true"}, 1, ["WITHOUT=npm leaves its tests out by hand", "1 passed, 1 error"]),
        ({"CI": "true", "WITHOUT": "npm"}, 0, ["!! 1 tests did NOT run: WITHOUT=npm"]),
        ({"WITHOUT": "sense"}, 4, ["not ['sense']"]),
    ],
)
def test_a_missing_tool(tmp_path: Path, environment: dict[str, str], code: int, words: list[str]):
    """The rules' copy stands in a folder where node_modules is not."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "pytest.ini").write_text(MARKERS)
    mine = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=mine | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == code, answer.stdout + answer.stderr
    assert [each for each in words if each not in answer.stdout + answer.stderr] == []
