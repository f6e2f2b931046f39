"""An API's process: its guard follows the feed, and says when it first refuses a token.

Lines in are tokens; lines out are ``accepted``, then nanoseconds of the monotonic clock, which
all processes of a machine share, and the reason.
"""

import sys
import time

from bench.seeding import AUDIENCE
from counterfoil.guard import Guard, Rejected

_BETWEEN_CHECKS = 0.000_2


def main(issuer: str) -> None:
    with Guard(issuer, audience=AUDIENCE) as guard:
        if not guard.wait_until_fresh(10):
            sys.exit("!! bench: the guard heard nothing from the server")
        print("ready", flush=True)
        for line in sys.stdin:
            token = line.strip()
            guard.check(token)
            print("accepted", flush=True)
            print(*_refused(guard, token), flush=True)


def _refused(guard: Guard, token: str) -> tuple[int, str]:
    while True:
        try:
            guard.check(token)
        except Rejected as rejected:
            return time.monotonic_ns(), rejected.reason.value
        time.sleep(_BETWEEN_CHECKS)


if __name__ == "__main__":
    main(sys.argv[1])
