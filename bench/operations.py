"""The operations of the server and their floor, measured in turns, so that a busy minute of
the machine falls on all of them alike.
"""

import statistics
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench import machine
from bench.generator import Load, Measured, WrongAnswers
from bench.plan import Plan
from bench.seeding import REGISTRY_SCOPE, SCOPE, Seeded, access_tokens, pkce_pair, refresh_tokens
from bench.server import Running

_WARM_UP_SECONDS: Final = 1.0


class NothingCame(WrongAnswers):
    """Every answer was right, but no flow was finished."""


class Run(Struct, frozen=True):
    """One run: what came of it a second, and what each cost the measured process.

    ``database_us`` is what each cost the processes of a database server; ``busy`` the share of its
    core, from 0 to 1, for which the measured process computed.
    """

    rate: float
    cpu_us: float
    database_us: float
    busy: float
    measured: Measured


class Operation(Struct, frozen=True):
    """A load on a process, and the key of its numbers; it counts whole flows if ``flows``.

    ``database`` is the first process of the database server that it uses, if it uses one.
    """

    key: str
    load: Load
    pid: int
    flows: bool = False
    database: int | None = None

    def run(self, connections: int, seconds: float) -> Run:
        """Load the process."""
        before = self._computed()
        measured = self.load.run(connections, seconds)
        own, databases = (
            after - then for after, then in zip(self._computed(), before, strict=True)
        )
        counted = measured.counted
        done = counted.flows if self.flows else counted.right
        if not done:
            raise NothingCame(f"!! bench: {self.key}: not one whole flow in {seconds:.0f} s")
        seconds_taken = counted.microseconds / 1e6
        each = own / done * 1e6, databases / done * 1e6
        return Run(done / seconds_taken, *each, own / seconds_taken, measured)

    def _computed(self) -> tuple[float, float]:
        own = machine.cpu_seconds_of_all(self.pid)
        return own, machine.cpu_seconds_of_all(self.database) if self.database else 0.0


def floor_of(floor: Running) -> Operation:
    """Prepare what no server in Python can be faster than."""
    return Operation("raw_asgi", Load("echo", f"{floor.url}/"), floor.pid)


def operations(
    seeded: Seeded, server: Running, files: Path, database: int | None = None
) -> list[Operation]:
    """Prepare each operation; its script reads from files what it sends."""
    service = written(files / "service", [seeded.service.authorization])
    app = written(files / "app", [seeded.app.authorization])
    tokens, families = files / "tokens", files / "families"
    cookies = written(files / "cookies", [seeded.browser.cookie])
    pairs = written(files / "pkce", [" ".join(pkce_pair()) for _ in range(256)])
    query = written(files / "query", [f"/authorize?{seeded.query}"])
    token, authorize = f"{server.url}/token", f"{server.url}/authorize"
    loads = {
        "client_credentials": Load("client_credentials", token, (service, SCOPE, "jwt")),
        "client_credentials_registry": Load(
            "client_credentials", token, (service, REGISTRY_SCOPE, "jwt")
        ),
        "introspection": Load("introspection", f"{server.url}/introspect", (service, str(tokens))),
        "refresh": Load("refresh", token, (app, str(families), "jwt")),
        "code_flow": Load("code_flow", authorize, (app, cookies, pairs, query, "/token", "jwt")),
    }
    return [
        Operation(key, load, server.pid, key == "code_flow", database)
        for key, load in loads.items()
    ]


def written(path: Path, lines: list[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def measure(
    each: list[Operation], seeded: Seeded, server: Running, plan: Plan, files: Path
) -> dict[str, float]:
    """Measure in turns; gives the median rate of each, and latencies of the median run."""
    written(files / "tokens", access_tokens(seeded, server.port, plan.tokens))
    runs: dict[str, list[Run]] = {operation.key: [] for operation in each}
    for number in range(-plan.warm_ups, plan.rounds):
        for operation in each:
            if operation.key == "refresh":
                written(files / "families", refresh_tokens(seeded, plan.families))
            seconds = plan.seconds if number >= 0 else _WARM_UP_SECONDS
            run = operation.run(plan.connections, seconds)
            if number >= 0:
                runs[operation.key].append(run)
    results: dict[str, float] = {}
    for operation in each:
        results |= _summary(operation.key, runs[operation.key])
    ours = [run for key, some in runs.items() if key != "raw_asgi" for run in some]
    results["generator_cpu_most"] = max(run.measured.cpu for run in ours)
    return results


def _summary(key: str, runs: list[Run]) -> dict[str, float]:
    middle = sorted(runs, key=lambda run: run.rate)[len(runs) // 2]
    return {
        f"{key}_per_s": statistics.median(run.rate for run in runs),
        f"{key}_best_per_s": max(run.rate for run in runs),
        f"{key}_p50_ms": middle.measured.counted.p50_us / 1000,
        f"{key}_p99_ms": middle.measured.counted.p99_us / 1000,
        f"{key}_cpu_us": statistics.median(run.cpu_us for run in runs),
        f"{key}_database_us": statistics.median(run.database_us for run in runs),
        f"{key}_busy": statistics.median(run.busy for run in runs),
    }
