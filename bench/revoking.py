"""From sending a revocation request to the first refusal by a guard in another process."""

import subprocess
import sys
import time

from bench import machine
from bench.http_session import HttpSession
from bench.seeding import Seeded
from bench.server import environment


def revocation_times(seeded: Seeded, port: int, tokens: list[str]) -> list[float]:
    """Revoke each token, and give the milliseconds until the guard refused it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.watcher", f"http://127.0.0.1:{port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    machine.pin(process.pid, machine.GENERATOR)
    session = HttpSession(port)
    try:
        _expect(process, "ready")
        return [_revoked(seeded, session, process, token) for token in tokens]
    finally:
        session.close()
        process.kill()
        process.wait()


def _revoked(
    seeded: Seeded, session: HttpSession, watcher: subprocess.Popen[str], token: str
) -> float:
    if watcher.stdin is not None:
        print(token, file=watcher.stdin, flush=True)
    _expect(watcher, "accepted")
    sent = time.monotonic_ns()
    answer = session.post("/revoke", [("token", token)], seeded.service.authorization)
    refused, _, reason = _read(watcher).partition(" ")
    if answer.status != 200 or reason != "revoked":
        sys.exit(f"!! bench: a revocation went wrong: {answer} {reason}")
    return (int(refused) - sent) / 1e6


def _expect(watcher: subprocess.Popen[str], word: str) -> None:
    said = _read(watcher)
    if said != word:
        sys.exit(f"!! bench: the guard's process said {said!r} and not {word!r}")


def _read(watcher: subprocess.Popen[str]) -> str:
    return watcher.stdout.readline().strip() if watcher.stdout is not None else ""
