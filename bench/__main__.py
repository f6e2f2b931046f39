"""Run the benchmarks: ``python -m bench [--quick] [--output FILE]``."""

import argparse
import tempfile
import time
from pathlib import Path

from bench import floors, machine, report
from bench.encrypting import encrypted_costs
from bench.fanning import fan_out
from bench.guarding import guard_costs, lease_cost, registry_cost
from bench.many_notices import many_notices
from bench.minting import mint_costs
from bench.on_postgres import on_postgres
from bench.operations import floor_of, measure, operations
from bench.plan import FULL, QUICK, Plan
from bench.revoking import revocation_times
from bench.seeding import Seeded, access_tokens, seed
from bench.server import Installation, Running, counterfoil, overview_ms, raw_asgi
from bench.ticketing import ticket_costs
from bench.verifiers import telling
from bench.verifiers.measuring import verifier_costs
from tests.ports import free_port


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="show in seconds that all of it runs")
    parser.add_argument("--output", type=Path, default=report.RESULTS, metavar="FILE")
    asked = parser.parse_args()
    machine.demand_tools()
    machine.pin(0, machine.GENERATOR)
    begun = time.monotonic()
    print(machine.describe())
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as directory:
        results = _run(QUICK if asked.quick else FULL, Path(directory))
    report.write(results, asked.output)
    report.tell(results)
    telling.tell(results)
    print(f"\n{time.monotonic() - begun:.0f} s; written to {asked.output}")


def _run(plan: Plan, directory: Path) -> dict[str, float]:
    results = floors.es256(plan.repeats)
    results["sqlite_commit_us"] = floors.sqlite_commit(directory, plan.repeats)
    results["overview_ms"] = overview_ms(plan.overviews)
    installation = Installation(directory / "data", free_port())
    with counterfoil(installation) as server, raw_asgi(directory) as floor:
        results["ready_s"] = server.ready_s
        results["rss_mb"] = machine.memory_mb(server.pid)
        _tell_settings(installation)
        seeded = seed(installation, server.port)
        files = directory / "load"
        files.mkdir()
        each = [floor_of(floor), *operations(seeded, server, files)]
        results |= measure(each, seeded, server, plan, files)
        results["rss_after_mb"] = machine.memory_mb(server.pid)
        results |= mint_costs(seeded, server.port, plan.mints)
        results |= _guard(seeded, server, plan)
        results |= encrypted_costs(installation, server.port, plan)
        results |= verifier_costs(seeded, server, plan, files)
    # All followers of this machine come from one address.
    crowded = Installation(
        installation.data, installation.port, {"followers_per_address": str(plan.followers + 1)}
    )
    with counterfoil(crowded) as server:
        full_rate = results["client_credentials_per_s"]
        results |= fan_out(seeded, server, plan, full_rate, files)
    results |= on_postgres(directory, plan)
    return results | many_notices(directory, plan)


def _tell_settings(installation: Installation) -> None:
    rows = installation.run("settings")["settings"]
    print("the server's settings; all but those marked are the defaults:")
    for row in rows if isinstance(rows, list) else ():
        mark = " " if row["source"] == "default" else "*"
        print(f"{mark} {row['name']:<28}{row['value']} {row['unit']}")


def _guard(seeded: Seeded, server: Running, plan: Plan) -> dict[str, float]:
    tokens = access_tokens(seeded, server.port, plan.tokens)
    costs = guard_costs(server.port, tokens, plan.repeats)
    tokens = access_tokens(seeded, server.port, plan.revocations)
    times = revocation_times(seeded, server.port, tokens)
    costs |= ticket_costs(seeded, server.port, plan.repeats)
    return costs | {
        "guard_registry_warm_us": registry_cost(seeded, server.port, plan.repeats),
        "guard_lease_us": lease_cost(seeded, server.port, plan.repeats),
        "revoke_to_refusal_p50_ms": machine.percentile(times, 50),
        "revoke_to_refusal_p99_ms": machine.percentile(times, 99),
    }


if __name__ == "__main__":
    main()
