"""The benchmark against size runs, and every answer in it is right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_requests_are_timed_among_more_and_more_grants(tmp_path: Path, on: str):
    """S93: memory does not depend on rows."""
    output = tmp_path / "sizes.json"
    command = [sys.executable, "-m", "bench.sizes", "--quick", "--on", on]
    command += ["--output", str(output)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    sizes = json.loads(output.read_text())
    assert [size["grants"] for size in sizes] == [300, 900]
    for size in sizes:
        assert size["p50_ms"].keys() == size["p99_ms"].keys()
        assert all(0 < size["p50_ms"][name] <= size["p99_ms"][name] for name in size["p50_ms"])
    assert "<polyline" in (tmp_path / "sizes-refresh.svg").read_text()
    assert "<polyline" in (tmp_path / "sizes-account.svg").read_text()
