"""The handbook's page on tests: they pass as they stand."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from counterfoil.guard import Guard, Token
from counterfoil.guard.fastapi import Guarded
from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "how-to" / "test-an-app.md"


def test_the_tests_of_the_example_pass(tmp_path: Path):
    """In a process of their own, by nobody's settings."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    own = ("-c", str(tmp_path / "pytest.ini"), "--basetemp", str(tmp_path / "base"))
    told = ("-q", "-p", "no:cacheprovider", *own, str(ROOT / "examples" / "testing"))
    command = [sys.executable, "-m", "pytest", *told]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_a_dependency_takes_the_place_of_a_token():
    app = FastAPI(openapi_url=None)
    guarded = Guarded(app, Guard("https://id.example", audience="https://notes.example"))
    names: dict[str, Any] = {"app": app, "guarded": guarded, "Annotated": Annotated, "Token": Token}
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    exec(compile(block, "test-an-app.md", "exec"), names)
    assert TestClient(app).get("/notes").json() == {"subject": "ada"}
