"""An hour of inputs that coverage has chosen, at the guard."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(2 * 3600)]

SECONDS = int(os.environ.get("COUNTERFOIL_TEST_FUZZ_SECONDS", "3600"))


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is for Python 3.11 to 3.13")
def test_nothing_but_refusals(tmp_path: Path, record_property: Callable[[str, object], None]):
    """No input raises anything else, and none passes that is not genuine."""
    (tmp_path / "corpus").mkdir()
    asked = [f"-max_total_time={SECONDS}", "-max_len=8192", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.fuzzing", *asked, str(tmp_path / "corpus")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    record_property("told", f"the guard was fuzzed: {done.stderr.strip().splitlines()[-1]}")
