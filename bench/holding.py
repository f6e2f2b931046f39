"""An API's process that holds many notices: what that takes, and what a check costs beside them.

Arguments: the issuer, the directory for restarts or ``-``, and a token. Lines in are numbers of
notices to wait for; each is answered by a line of JSON.
"""

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from bench.machine import memory_mb
from bench.seeding import AUDIENCE
from counterfoil.guard import Guard, Options

_BATCH: Final = 500
_REPEATS: Final = 40
_WITHIN: Final = 120.0


def main(issuer: str, directory: str, token: str) -> None:
    state_dir = None if directory == "-" else Path(directory)
    before = memory_mb(os.getpid())
    begun = time.perf_counter()
    with Guard(issuer, audience=AUDIENCE, options=Options(state_dir=state_dir)) as guard:
        state = next(iter(guard._states.values()))
        notices = state.notices
        print("ready", flush=True)
        for line in sys.stdin:
            reached = guard._follower.wait_until(
                lambda wanted=int(line): (
                    notices.proven_number >= wanted and state.is_ready(time.time())
                ),
                _WITHIN,
            )
            seconds = time.perf_counter() - begun
            if not reached:
                sys.exit(
                    f"!! bench: the guard knows {notices.proven_number} notices and not {line}"
                )
            guard.check(token)
            check = statistics.median(_check(guard, token) for _ in range(_REPEATS))
            held = {
                "notices": notices.proven_number,
                "seconds": seconds,
                "check_us": check,
                "rss_mb": memory_mb(os.getpid()),
                "rss_before_mb": before,
            }
            print(msgspec.json.encode(held).decode(), flush=True)


def _check(guard: Guard, token: str) -> float:
    begun = time.perf_counter_ns()
    for _ in range(_BATCH):
        guard.check(token)
    return (time.perf_counter_ns() - begun) / 1000 / _BATCH


if __name__ == "__main__":
    main(*sys.argv[1:4])
