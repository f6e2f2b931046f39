"""The benchmark of the database's size runs, and counts what there is."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_tokens_leave_no_rows_and_the_picture_is_drawn(tmp_path: Path):
    """S93: a family is a row however often it is refreshed, an access token none; and neither
    writes a line of audit."""
    output = tmp_path / "growth.json"
    command = [sys.executable, "-m", "bench.growth", "--quick", "--output", str(output)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    sizes = json.loads(output.read_text())
    assert [size["issued"] for size in sizes] == [400, 800, 1200, 1600, 2000]
    assert [size["refreshed"] for size in sizes] == [200, 400, 600, 800, 1000]
    assert {size["live"] for size in sizes} == {20}
    assert len({size["audit"] for size in sizes}) == 1
    assert "<polyline" in output.with_suffix(".svg").read_text()
