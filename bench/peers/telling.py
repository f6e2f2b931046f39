"""What was measured of the peers: tables for people, and a JSON file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from bench.peers.measuring import Best, Candidate
from bench.peers.proving import OPERATIONS

RESULTS: Final = Path(__file__).parents[1] / "results" / "peers.json"
OURS: Final = ("counterfoil_sqlite", "counterfoil_postgres")
_WIDTH: Final = 42


def document(
    candidates: list[Candidate], left_out: Mapping[str, str], machine: str
) -> dict[str, object]:
    """Give everything as one JSON object: a peer that cannot do something has a word, no number."""
    return {
        "machine": machine,
        "left_out": dict(left_out),
        "peers": {each.peer.key: _of(each) for each in candidates},
        "ratios": {ours: _ratios(candidates, ours) for ours in OURS},
    }


def _of(candidate: Candidate) -> dict[str, object]:
    return {
        "title": candidate.peer.title,
        "settings": candidate.peer.settings,
        "rest_mb": _rounded(candidate.rest_mb),
        "loaded_mb": _rounded(candidate.loaded_mb),
        "operations": {name: _operation(candidate, name) for name in OPERATIONS},
    }


def _operation(candidate: Candidate, name: str) -> dict[str, object]:
    proved, best = candidate.proved[name], candidate.best(name)
    if best is None:
        return {"able": False, "why": _why(candidate, name)}
    numbers = {
        key: _rounded(getattr(best, key))
        for key in ("per_s", "cpu_us", "database_us", "p50_ms", "p99_ms", "busy")
    }
    every = {str(c): [_rounded(rate) for rate in rates] for c, rates in best.every.items()}
    return {
        "able": True,
        "gives": proved.word,
        **numbers,
        "connections": best.connections,
        "every_per_s": every,
    }


def _why(candidate: Candidate, name: str) -> str:
    proved = candidate.proved[name]
    return "nothing was finished in any of its turns" if proved.able else proved.word


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _ratios(candidates: list[Candidate], ours: str) -> dict[str, dict[str, float]]:
    """How many times as fast we are as each other, operation by operation."""
    found = {each.peer.key: each for each in candidates}
    if ours not in found:
        return {}
    ratios = {key: _beside(found[ours], other) for key, other in found.items() if key not in OURS}
    return {key: some for key, some in ratios.items() if some}


def _beside(ours: Candidate, other: Candidate) -> dict[str, float]:
    pairs = {name: (ours.best(name), other.best(name)) for name in OPERATIONS}
    return {
        name: _rounded(mine.per_s / theirs.per_s)
        for name, (mine, theirs) in pairs.items()
        if mine is not None and theirs is not None
    }


def write(results: Mapping[str, object], path: Path) -> None:
    """Write the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def tell(candidates: list[Candidate], left_out: Mapping[str, str]) -> None:
    """Print a table per operation, the memory, and who was left out."""
    for name in OPERATIONS:
        _tell_operation(candidates, name)
    print(f"\n{'memory, MB':<{_WIDTH}}{'at rest':>10}{'loaded':>10}")
    for each in candidates:
        print(f"{each.peer.title:<{_WIDTH}}{each.rest_mb:>10.0f}{each.loaded_mb:>10.0f}")
    for title, why in left_out.items():
        print(f"!! bench: {title} was left out: {why}")


def _tell_operation(candidates: list[Candidate], name: str) -> None:
    heads = ("a second", "SQLite ×", "PG ×", "CPU µs", "DB µs", "p50 ms", "p99 ms", "busy")
    print(f"\n{name:<{_WIDTH}}" + "".join(f"{head:>10}" for head in heads) + "   gives")
    bests = {each.peer.key: each.best(name) for each in candidates}
    for each in candidates:
        best, word = bests[each.peer.key], each.proved[name].word
        if best is None:
            print(f"{each.peer.title:<{_WIDTH}}not able: {_why(each, name)}")
            continue
        shown = [_short(best.per_s), *(_ratio(bests.get(ours), best) for ours in OURS)]
        shown += [_short(best.cpu_us), _short(best.database_us)]
        shown += [f"{best.p50_ms:.1f}", f"{best.p99_ms:.1f}", f"{best.busy:.0%}"]
        line = f"{each.peer.title:<{_WIDTH}}" + "".join(f"{text:>10}" for text in shown)
        print(f"{line}   {word}; {best.connections} connections")


def _ratio(ours: Best | None, other: Best) -> str:
    return f"{ours.per_s / other.per_s:.2f}" if ours is not None else "-"


def _short(number: float) -> str:
    return f"{number:,.0f}"
