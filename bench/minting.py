"""A thousand tokens in one call, beside as many bare signatures."""

import http.client
import statistics
import sys
import time
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from bench import machine
from bench.seeding import AUDIENCE, SCOPE, Seeded

_MANY: Final = 1000
_MESSAGE: Final = bytes(300)


def mint_costs(seeded: Seeded, port: int, calls: int) -> dict[str, float]:
    """Milliseconds of a call, over HTTP; and the share of it that its signatures alone take.

    Calls and signatures are measured in turns, on the server's core.
    """
    key, scheme = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    body = msgspec.json.encode([{"audience": AUDIENCE, "scope": SCOPE, "lifetime": 60}] * _MANY)
    took, shares = [], []
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(calls):
        with machine.pinned(machine.MEASURED):  # one core may have more neighbours than the other
            begun = time.perf_counter()
            for _ in range(_MANY):
                key.sign(_MESSAGE, scheme)
            floor = time.perf_counter() - begun
        took.append(_call(seeded, caller, body))
        shares.append(floor / took[-1])
    caller.close()
    return {"mint_1000_ms": statistics.median(took) * 1000, "mint_ratio": statistics.median(shares)}


def _call(seeded: Seeded, caller: http.client.HTTPConnection, body: bytes) -> float:
    headers = {
        "Content-Type": "application/json",
        "Authorization": seeded.service.authorization,
    }
    begun = time.perf_counter()
    caller.request("POST", "/mint", body, headers)
    answer = caller.getresponse()
    text = answer.read()
    took = time.perf_counter() - begun
    if answer.status != 200 or len(msgspec.json.decode(text)) != _MANY:
        sys.exit(f"!! bench: /mint answered {answer.status}: {text[:200]!r}")
    return took
