"""Measure others beside us: ``python -m bench.peers [--quick] [--only KEY] [--output FILE]``."""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import machine
from bench.on_postgres import SETTINGS
from bench.peers import counterfoil, glewlwyd, node, python, telling
from bench.peers.measuring import FULL, QUICK, Candidate, Measuring, PeersPlan
from bench.peers.proving import prove
from bench.peers.site import Peer
from tests import postgres

PEERS: Final[tuple[Peer, ...]] = (
    counterfoil.ON_SQLITE,
    counterfoil.ON_POSTGRES,
    node.ON_SQLITE,
    node.ON_SQLITE_NORMAL,
    node.ON_POSTGRES,
    python.AUTHLIB_ON_SQLITE,
    python.AUTHLIB_ON_POSTGRES,
    python.TOOLKIT_ON_SQLITE,
    python.TOOLKIT_ON_POSTGRES,
    glewlwyd.Glewlwyd(),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="show that all of it runs")
    parser.add_argument("--only", action="append", choices=[each.key for each in PEERS])
    parser.add_argument("--output", type=Path, default=telling.RESULTS, metavar="FILE")
    asked = parser.parse_args()
    machine.demand_tools()
    machine.pin(0, machine.GENERATOR)
    chosen = [each for each in PEERS if not asked.only or each.key in asked.only]
    begun = time.monotonic()
    print(machine.describe())
    with tempfile.TemporaryDirectory(prefix="counterfoil-peers-") as directory:
        compare(chosen, QUICK if asked.quick else FULL, Path(directory), asked.output)
    print(f"\n{time.monotonic() - begun:.0f} s; written to {asked.output}")


def compare(chosen: list[Peer], plan: PeersPlan, directory: Path, output: Path) -> None:
    """Run all that can be had, let them take turns, and tell."""
    left_out: dict[str, str] = {}
    candidates: list[Candidate] = []
    with ExitStack() as stack:
        database = stack.enter_context(postgres.running(durable=True, settings=SETTINGS))
        machine.pin(database.pid, machine.GENERATOR)
        for peer in chosen:
            if missing := peer.missing():
                left_out[peer.title] = f"it misses {missing}"
                continue
            folder = directory / peer.key
            folder.mkdir()
            try:
                site = stack.enter_context(peer.running(folder, database))
            except SystemExit as failure:
                left_out[peer.title] = str(failure)
                continue
            candidates.append(Candidate(peer, site, prove(site), folder / "load"))
            _introduce(candidates[-1])
        Measuring(candidates, plan, database.pid).all_turns()
        telling.tell(candidates, left_out)
        telling.write(telling.document(candidates, left_out, machine.describe()), output)


def _introduce(candidate: Candidate) -> None:
    print(f"{candidate.peer.title}: {candidate.peer.settings}")
    for operation, proved in candidate.proved.items():
        print(f"    {operation:<20}{proved.word if proved.able else f'not able: {proved.word}'}")


if __name__ == "__main__":
    main()
