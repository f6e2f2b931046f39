"""Examines every verifier in turns, so that what disturbs the machine disturbs them alike."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench import machine
from bench.http_session import HttpSession
from bench.plan import Plan
from bench.seeding import Seeded
from bench.server import Running
from bench.verifiers.paper import Paper, set_paper, write

_FOLDER: Final = Path(__file__).parent
_PEERS: Final = _FOLDER.parent / "peers" / ".venv" / "bin" / "python"
_MODULES: Final = _FOLDER / "node" / "node_modules"
KINDS: Final = {"warm": True, "cold": True, "forged": False, "strange": False, "giant": False}
"""Each kind of tokens, and whether they are good; ``revoked`` is as each verifier sees it."""


class Verifier(Struct, frozen=True):
    """A program that is examined. ``slowness``: it gets so many times fewer questions."""

    key: str
    title: str
    command: tuple[str, ...]
    needs: Path = _FOLDER
    slowness: int = 1

    def missing(self) -> bool:
        """Whether what it needs is not here (``make bench`` fetches it)."""
        return not self.needs.exists()


def _python(key: str, title: str, module: str) -> Verifier:
    return Verifier(key, title, (sys.executable, "-m", f"bench.verifiers.{module}"))


def _node(key: str, title: str, script: str) -> Verifier:
    return Verifier(key, title, ("node", str(_FOLDER / "node" / script)), _MODULES)


VERIFIERS: Final = (
    _python("guard", "Counterfoil's guard", "guard"),
    _python("handwritten", "bare cryptography", "handwritten"),
    _python("pyjwt", "PyJWT, PyJWKClient", "pyjwt"),
    _python("joserfc", "joserfc", "joserfc_jwt"),
    _python("authlib", "Authlib, ResourceProtector", "authlib_protector"),
    Verifier(
        "django_toolkit",
        "django-oauth-toolkit, introspection",
        (str(_PEERS), str(_FOLDER / "django_toolkit.py")),
        _PEERS,
        slowness=10,
    ),
    _node("jose", "jose (npm)", "jose.mjs"),
    _node("fast_jwt", "fast-jwt (npm), with cache", "fast_jwt.mjs"),
)


class Sitting:
    """One verifier that is being examined."""

    def __init__(self, verifier: Verifier, process: subprocess.Popen[str]) -> None:
        self.verifier = verifier
        self._process = process
        self.times: dict[str, list[float]] = {}
        self.accepts_revoked = False

    def ask(self, kind: str, first: int, number: int) -> None:
        """Put one question; a wrong answer ends the run, for its time would mean nothing."""
        answer = json.loads(self._said(f"{kind} {first} {number}"))
        self.times.setdefault(kind, []).append(answer["ns"] / 1000)
        if kind == "revoked":
            self.accepts_revoked = answer["accepted"] > 0
        elif (answer["accepted"] == 0) == KINDS[kind]:
            sys.exit(f"!! bench: {self.verifier.title} is wrong about {kind} tokens: {answer}")

    def begin(self) -> None:
        """Wait until it is ready."""
        self._said("")

    def _said(self, question: str) -> str:
        if self._process.stdin is None or self._process.stdout is None:
            raise ValueError("it has no pipes")
        if question:
            print(question, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"!! bench: {self.verifier.title} ended: {self._process.wait()}")
        return line


def verifier_costs(seeded: Seeded, server: Running, plan: Plan, folder: Path) -> dict[str, float]:
    """Microseconds that each verifier takes for each kind of token: the median of the rounds.

    ``guard_refusal_ratio`` is the dearest refusal of the guard, beside its own cold acceptance.
    """
    size = plan.exam_tokens
    paper = set_paper(seeded, server.port, plan.exams * size)
    with ExitStack() as stack:
        sittings = [
            stack.enter_context(_sitting(verifier, write(paper, folder)))
            for verifier in VERIFIERS
            if _is_here(verifier)
        ]
        _revoke(seeded, server, paper, sittings[0])
        for turn in range(plan.exams):
            # Nobody is always examined after the same one, whose threads may still be at work.
            first = turn % len(sittings)
            for sitting in (*sittings[first:], *sittings[:first]):
                _examine(sitting, turn * size, size)
    results = {name: value for sitting in sittings for name, value in _results_of(sitting)}
    ours = sittings[0].times
    refusals = [statistics.median(ours[kind]) for kind in ("forged", "strange", "giant", "revoked")]
    return results | {"guard_refusal_ratio": max(refusals) / statistics.median(ours["cold"])}


def _is_here(verifier: Verifier) -> bool:
    if verifier.missing():
        print(f"!! {verifier.title} is not measured: {verifier.needs.name} is missing")
    return not verifier.missing()


@contextmanager
def _sitting(verifier: Verifier, paper: Path) -> Iterator[Sitting]:
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        [*verifier.command, str(paper)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=bare,
    ) as process:
        machine.pin(process.pid, machine.GENERATOR)
        sitting = Sitting(verifier, process)
        sitting.begin()
        yield sitting
        process.kill()


def _revoke(seeded: Seeded, server: Running, paper: Paper, guard: Sitting) -> None:
    """Take one token back, after everyone has seen it; the guard hears of it within moments."""
    session = HttpSession(server.port)
    session.post("/revoke", [("token", paper.revoked)], seeded.service.authorization)
    session.close()
    guard.ask("revoked", 0, 1)
    while guard.accepts_revoked:
        guard.ask("revoked", 0, 1)
    guard.times.clear()


def _examine(sitting: Sitting, first: int, size: int) -> None:
    few = max(1, size // sitting.verifier.slowness)
    sitting.ask("warm", 0, few * 25)
    sitting.ask("revoked", 0, few * 5)
    for kind in ("cold", "forged", "strange"):
        sitting.ask(kind, first, few)
    sitting.ask("giant", 0, few)


def _results_of(sitting: Sitting) -> Iterator[tuple[str, float]]:
    key = sitting.verifier.key
    for kind, times in sitting.times.items():
        yield f"verifier_{key}_{kind}_us", statistics.median(times)
    yield f"verifier_{key}_accepts_revoked", float(sitting.accepts_revoked)
