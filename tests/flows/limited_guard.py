"""A guard in a process of its own, which spends uses when it is told to, and says what came of it.

Lines in: how many requests to make at once. Lines out: how often each reason came; "ready" first.
"""

import asyncio
import sys
from collections import Counter

import msgspec

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.guard.gate import Gate
from tests.guard.desk import request


async def requests(gate: Gate, token: str, count: int) -> Counter[str]:
    async def one() -> str:
        try:
            await gate.admit(request("/files/7", token=token))
        except Rejected as rejected:
            return rejected.reason.value
        return "passed"

    return Counter(await asyncio.gather(*(one() for _ in range(count))))


async def main() -> None:
    url, audience, secret, leases, token = sys.argv[1:]
    issuer = Issuer(url, credentials=Credentials("guard", secret), leases=int(leases))
    with Guard(issuers=[issuer], audience=audience) as guard:
        guard.wait_until_fresh(20)
        gate = Gate(guard)
        say(b"ready")
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            say(msgspec.json.encode(await requests(gate, token, int(line))))
    say(b"stopped")


def say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(main())
