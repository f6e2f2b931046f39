"""What a request takes of the processor: each operation runs in process, and counts are read."""

import subprocess
import sys
from pathlib import Path

from bench.instructions import OPERATIONS, counted, prepare

ROOT = Path(__file__).parents[2]
ANNOTATED = """\
Profile data file 'x' (creator: callgrind-3.19.0)
2,000 (100.0%)  PROGRAM TOTALS
  900 (45.00%)  /build/Python/ceval.c:_PyEval_EvalFrameDefault'2 [/usr/lib/libpython3.11.so.1.0]
  400 (20.00%)  ???:ecp_nistz256_point_add [/lib/python3.11/site-packages/x/_rust.abi3.so]
  300 (15.00%)  /build/Include/object.h:_PyEval_EvalFrameDefault'2
  200 (10.00%)  ???:sqlite3VdbeExec [/lib/python3.11/site-packages/apsw/__init__.cpython-311.so]
1,100 ( 5.00%)  ???:malloc [/usr/lib/x86_64-linux-gnu/libc.so.6]
   10 ( 0.50%)  ???:_dl_relocate [/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2]
"""


def test_instructions_are_counted_by_what_they_were_for() -> None:
    """What is inlined counts for the library of its function."""
    assert counted(ANNOTATED) == {
        "the interpreter": 1200,
        "keys": 400,
        "SQLite": 200,
        "allocation, copying": 1100,
        "the rest": 10,
    }


def test_each_operation_runs_in_process(tmp_path: Path) -> None:
    prepare(tmp_path, families=64)
    for operation in OPERATIONS:
        command = [sys.executable, "-m", "bench.inside", str(tmp_path), operation, "32"]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        word, microseconds, unit = said.stdout.split()
        assert (word, unit) == (operation, "µs")
        assert int(microseconds) > 0
