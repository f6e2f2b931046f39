"""From sending a revocation request to the refusal by the last of many guards, idle and at load."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from bench import machine
from bench.generator import Counted, Load
from bench.http_session import HttpSession
from bench.plan import Plan
from bench.seeding import SCOPE, Seeded, access_tokens
from bench.server import Running, environment
from counterfoil.jose.jwt import unverified_claims

_PACED_CONNECTIONS: Final = 16
_LOAD_SECONDS: Final = 4.0
"""The load is begun anew until all is measured: never too short, nor much too long."""


def fan_out(
    seeded: Seeded, server: Running, plan: Plan, full_rate: float, files: Path
) -> dict[str, float]:
    """Milliseconds until each of ``plan.followers`` guards of one process refuses."""
    results = {"followers": float(plan.followers)}
    command = [sys.executable, "-m", "bench.followers", server.url, str(plan.followers)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as crowd:
        machine.pin(crowd.pid, machine.GENERATOR)
        _expect(crowd, "ready")
        before = machine.cpu_seconds(server.pid)
        begun = time.monotonic()
        time.sleep(2)
        used = machine.cpu_seconds(server.pid) - before
        results["follower_idle_cpu_us_per_s"] = (
            used / (time.monotonic() - begun) / plan.followers * 1e6
        )
        results["rss_with_followers_mb"] = machine.memory_mb(server.pid)
        for name, rate in (("idle", 0.0), ("half_load", full_rate / 2)):
            with _load(seeded, server, rate, files) if rate else nullcontext([]) as counted:
                times = _revoke_each(seeded, server, crowd, plan.fan_outs)
            if counted:
                results[f"fan_out_{name}_per_s"] = _rate_of(counted)
            first = [
                min(times[at : at + plan.followers]) for at in range(0, len(times), plan.followers)
            ]
            results[f"fan_out_{name}_first_ms"] = machine.percentile(first, 50)
            results[f"fan_out_{name}_p50_ms"] = machine.percentile(times, 50)
            results[f"fan_out_{name}_p99_ms"] = machine.percentile(times, 99)
        crowd.kill()
    return results


def _revoke_each(
    seeded: Seeded, server: Running, crowd: subprocess.Popen[str], number: int
) -> list[float]:
    session, times = HttpSession(server.port), list[float]()
    for token in access_tokens(seeded, server.port, number):
        _send(crowd, str(unverified_claims(token)["jti"]))
        _expect(crowd, "watching")
        time.sleep(random.uniform(0.02, 0.1))  # heads come at any moment beside it
        sent = time.monotonic_ns()
        answer = session.post("/revoke", [("token", token)], seeded.service.authorization)
        refused = [int(each) for each in _read(crowd).split()]
        if answer.status != 200 or not refused:
            sys.exit(f"!! bench: a revocation went wrong: {answer}")
        times += [(each - sent) / 1e6 for each in refused]
    session.close()
    return times


@contextmanager
def _load(seeded: Seeded, server: Running, rate: float, files: Path) -> Iterator[list[Counted]]:
    """Ask for so many tokens a second meanwhile; gives what was counted, in the end.

    Raises:
        WrongAnswers: the load has ended too early, and what was measured was measured at rest.
    """
    service = files / "paced"
    service.write_text(f"{seeded.service.authorization}\n")
    load = Load("paced", f"{server.url}/token", (str(service), SCOPE, "jwt", str(rate)))
    measured, counted = threading.Event(), list[Counted]()

    def go_on() -> None:
        while not measured.is_set():
            counted.append(load.run(_PACED_CONNECTIONS, _LOAD_SECONDS).counted)

    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(go_on)
        try:
            yield counted
        finally:
            measured.set()
        loading.result()


def _send(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is not None:
        print(line, file=process.stdin, flush=True)


def _rate_of(counted: Sequence[Counted]) -> float:
    """How many tokens a second there were beside it: they share their core with the guards."""
    return sum(each.right for each in counted) / sum(each.microseconds for each in counted) * 1e6


def _expect(process: subprocess.Popen[str], word: str) -> None:
    said = _read(process)
    if said != word:
        sys.exit(f"!! bench: the followers' process said {said[:100]!r} and not {word!r}")


def _read(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline().strip() if process.stdout is not None else ""
