"""Throws whatever coverage leads to at the guard. ``python -m`` runs it.

Arguments are libFuzzer's, such as ``-max_total_time=3600``, and a folder for what it finds. It ends
with a non-zero code at the first input that raises anything but a refusal, or that passes without
being genuine.
"""

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["counterfoil"]):
    from tests.thrown.targets import seeds, throw

if __name__ == "__main__":
    logging.disable()
    for folder in [Path(each) for each in sys.argv[1:] if not each.startswith("-")][:1]:
        for number, seed in enumerate(seeds()):
            (folder / f"seed-{number:03}").write_bytes(seed)
    atheris.Setup(sys.argv, throw)
    atheris.Fuzz()
