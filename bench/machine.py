"""This machine: one core for what is measured, another for who measures."""

import os
import platform
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

MEASURED: Final = 0
GENERATOR: Final = 1
_NICE: Final = -10


def _allowed() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


_ALL: Final = _allowed()


def demand_tools() -> None:
    """End with a loud line where the machine cannot measure."""
    missing = [
        what
        for what, there in (
            ("wrk, the load generator (Debian's package wrk)", shutil.which("wrk") is not None),
            ("a system that can pin processes to cores", hasattr(os, "sched_setaffinity")),
            ("two cores", len(_ALL) >= 2),
        )
        if not there
    ]
    if missing:
        sys.exit(f"!! bench: cannot measure without {' and '.join(missing)}")


def pin(pid: int, place: int) -> None:
    """Keep a process on one core, and ahead of neighbours where we may ask for that."""
    os.sched_setaffinity(pid, {_ALL[place]})
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)
    with suppress(OSError):
        Path(f"/proc/{pid or 'self'}/autogroup").write_text(str(_NICE))


@contextmanager
def pinned(place: int) -> Iterator[None]:
    """Whatever is started in here begins on one core, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_ALL[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def memory_mb(pid: int) -> float:
    """Give the resident memory of a process and its children, in megabytes (10^6 bytes)."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return kib * 1024 / 1e6 + sum(memory_mb(int(child)) for child in children)


def cpu_seconds(pid: int) -> float:
    """Give the time that a process has computed."""
    return _computed(pid)


def family(pid: int) -> list[int]:
    """Give a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def cpu_seconds_of_all(pid: int) -> float:
    """Give the time that a process and all below it have computed, also those that have ended."""
    return sum(_computed(each, ended=True) for each in family(pid))


def proportional_mb(pid: int) -> float:
    """Give what a process and its children hold in megabytes; what they share counts once."""
    kib = 0
    for each in family(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib * 1024 / 1e6


def _computed(pid: int, *, ended: bool = False) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    last = 15 if ended else 13
    return sum(int(field) for field in fields[11:last]) / os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the value below which so many per cent of the values lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def describe() -> str:
    """Say in a line what machine this is."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    model = models[0] if models else platform.machine()
    return f"{len(_ALL)} cores, {model}, {platform.system()}, Python {platform.python_version()}"
