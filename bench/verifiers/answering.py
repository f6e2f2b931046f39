"""How a verifier in Python is examined: questions on standard input, answers in JSON.

It needs nothing but the standard library, for it runs in the peers' environment too. A question
is a kind of tokens, a first and how many: ``cold 20 50``; a kind that has one token repeats it.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read_paper() -> dict[str, Any]:
    """Read the paper that the command line names."""
    paper: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    return paper


def sit(paper: dict[str, Any], accepts: Callable[[str], bool]) -> None:
    """Answer every question. ``accepts`` says whether a token is good."""
    print("ready", flush=True)
    for line in sys.stdin:
        kind, first, number = line.split()
        there = paper[kind]
        tokens = there[int(first) :][: int(number)] if isinstance(there, list) else [there]
        times = int(number) if isinstance(there, str) else 1
        accepted, begun = 0, time.perf_counter_ns()
        for _ in range(times):
            for token in tokens:
                accepted += accepts(token)
        took = time.perf_counter_ns() - begun
        print(json.dumps({"ns": took / (times * len(tokens)), "accepted": accepted}), flush=True)
