"""What a check of the guard costs, while it follows the feed in the background, as in use."""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Final

import msgspec

from bench.handwritten import HandWritten
from bench.http_session import HttpSession
from bench.seeding import AUDIENCE, REGISTRY_AUDIENCE, REGISTRY_SCOPE, Seeded, access_tokens
from counterfoil.guard import Credentials, Guard, Issuer, Undecided

_BATCH: Final = 500


def guard_costs(port: int, tokens: list[str], repeats: int) -> dict[str, float]:
    """Microseconds of a check: of a token seen before, and of a new one beside bare code."""
    issuer = f"http://127.0.0.1:{port}"
    hand_written = HandWritten(_key_of(port), issuer, AUDIENCE)
    with Guard(issuer, audience=AUDIENCE) as guard:
        if not guard.wait_until_fresh(10):
            sys.exit("!! bench: the guard heard nothing from the server")
        for token in tokens[:20]:
            hand_written.verify(token)
            guard.check(token)
        cold = [_pair(guard, hand_written, turn) for turn in enumerate(tokens[20:])]
        seen_before = [warm(guard.check, tokens[-1]) for _ in range(repeats)]
    guard_us, hand_us = (statistics.median(each) for each in zip(*cold, strict=True))
    return {
        "guard_warm_us": statistics.median(seen_before),
        "guard_cold_us": guard_us,
        "handwritten_verify_us": hand_us,
        "guard_cold_ratio": guard_us / hand_us,
    }


def registry_cost(seeded: Seeded, port: int, repeats: int) -> float:
    """Microseconds of a check where the API keeps a registry, of a token that it told of."""
    service = seeded.service
    credentials = Credentials(service.client_id, service.secret)
    issuer = Issuer(f"http://127.0.0.1:{port}", credentials=credentials, registry=True)
    with Guard(issuers=[issuer], audience=REGISTRY_AUDIENCE) as guard:
        (token,) = access_tokens(seeded, port, 1, REGISTRY_SCOPE)
        _wait_until_known(guard, token)
        return statistics.median(warm(guard.check, token) for _ in range(repeats))


def lease_cost(seeded: Seeded, port: int, repeats: int) -> float:
    """Microseconds of a check of a limited token with a use from a lease, which needs no I/O."""
    service = seeded.service
    credentials = Credentials(service.client_id, service.secret)
    issuer = Issuer(f"http://127.0.0.1:{port}", credentials=credentials, leases=_BATCH + 1)
    with Guard(issuers=[issuer], audience=AUDIENCE) as guard:
        if not guard.wait_until_fresh(10):
            sys.exit("!! bench: the guard heard nothing from the server")
        (token,) = access_tokens(seeded, port, 1, max_uses="1000000")

        def use(token: str) -> None:
            if guard.uses.spend_held(guard.check(token, counts=True)) is None:
                sys.exit("!! bench: the lease was used up too early")

        costs = []
        for _ in range(repeats):
            # It asks for a lease, spends one use of it, and leaves as many as a batch takes.
            guard.uses.spend_blocking(guard.check(token, counts=True))
            costs.append(warm(use, token))
        return statistics.median(costs)


def _wait_until_known(guard: Guard, token: str) -> None:
    until = time.monotonic() + 20
    while guard.wait_until_fresh(10) and time.monotonic() < until:
        try:
            guard.check(token)
        except Undecided:
            time.sleep(0.01)
        else:
            return
    sys.exit("!! bench: the guard was not told of the token")


def _pair(guard: Guard, hand_written: HandWritten, turn: tuple[int, str]) -> tuple[float, float]:
    """Time both on one new token, in turns first."""
    number, token = turn
    if number % 2:
        hand = timed(hand_written.verify, token)
        return timed(guard.check, token), hand
    cold = timed(guard.check, token)
    return cold, timed(hand_written.verify, token)


def timed(check: Callable[[str], object], token: str) -> float:
    """Microseconds of one check."""
    begun = time.perf_counter_ns()
    check(token)
    return (time.perf_counter_ns() - begun) / 1000


def warm(check: Callable[[str], object], token: str) -> float:
    """Microseconds of a check, over a batch of the same token."""
    begun = time.perf_counter_ns()
    for _ in range(_BATCH):
        check(token)
    return (time.perf_counter_ns() - begun) / 1000 / _BATCH


def _key_of(port: int) -> dict[str, str]:
    session = HttpSession(port)
    document = msgspec.json.decode(session.get("/jwks.json").body)
    session.close()
    keys: list[dict[str, str]] = document["keys"]
    return keys[0]
