"""What was measured, beside what is to be reached: for people, and as a JSON file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from bench.plan import FLOOR, GOALS, Goal

RESULTS: Final = Path(__file__).parent / "results" / "latest.json"
_RATES: Final = (
    "client_credentials",
    "client_credentials_registry",
    "introspection",
    "refresh",
    "code_flow",
    "raw_asgi",
)
_ENDS: Final = ("per_s", "best_per_s", "cpu_us", "database_us", "p50_ms", "p99_ms")


def write(results: Mapping[str, float], path: Path) -> None:
    """Write the numbers at the top level of one JSON object."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {name: float(f"{value:.5g}") for name, value in results.items()}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rounded), indent=2) + b"\n")


def tell(results: Mapping[str, float]) -> None:
    """Print tables of the rates, of the rest, and of what was to be reached."""
    heads = ("a second", "best", "CPU µs", "DB µs", "p50 ms", "p99 ms")
    print(f"\n{'one worker on one core':<38}" + "".join(f"{head:>10}" for head in heads))
    rates = _RATES + tuple(f"postgres_{name}" for name in _RATES)
    for name in rates:
        if f"{name}_per_s" in results:
            numbers = [results[f"{name}_{end}"] for end in _ENDS]
            print(f"{name:<38}" + "".join(f"{_short(number):>10}" for number in numbers))
    print()
    for name, value in results.items():
        if not name.startswith(rates):
            print(f"{name:<38}{value:>10,.2f}")
    print()
    for goal in GOALS:
        print(_verdict(goal, results))


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def _verdict(goal: Goal, results: Mapping[str, float]) -> str:
    value, wanted = results[goal.key], _wanted(goal, results)
    reached = value >= wanted if goal.at_least else value <= wanted
    sign = "≥" if goal.at_least else "≤"
    mark = "reached" if reached else "MISSED "
    return f"{mark}  {goal.key:<26}{value:>10,.2f}  {sign} {wanted:,.2f} {goal.unit}"


def _wanted(goal: Goal, results: Mapping[str, float]) -> float:
    """Rates are asked in proportion, where the machine's floor is lower than the usual one."""
    slower = min(1.0, results["raw_asgi_per_s"] / FLOOR)
    return goal.value * slower if goal.unit == "/s" else goal.value
