"""wrk, pinned to the core beside the server's; every answer is checked by a Lua script."""

import resource
import subprocess
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench import machine

_SCRIPTS: Final = Path(__file__).parent / "scripts"


class WrongAnswers(SystemExit):
    """It ends everything, unless somebody knows what to do without numbers."""


class Counted(Struct, frozen=True):
    """What a Lua script counted: ``broken`` are socket errors and timeouts."""

    right: int
    wrong: int
    flows: int
    broken: int
    first_wrong: str
    microseconds: int
    p50_us: int
    p99_us: int


class Measured(Struct, frozen=True):
    """One run of the generator; ``cpu`` is its own share of its core, from 0 to 1."""

    counted: Counted
    cpu: float


class Load(Struct, frozen=True):
    """Which script is run against which address, with which arguments."""

    script: str
    url: str
    arguments: tuple[str, ...] = ()

    def run(self, connections: int, seconds: float) -> Measured:
        """Load the server.

        Raises:
            WrongAnswers: one single answer was wrong.
        """
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s"]
        command += ["-s", str(_SCRIPTS / f"{self.script}.lua"), self.url, "--", *self.arguments]
        before = _cpu_seconds()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        machine.pin(process.pid, machine.GENERATOR)
        output, _ = process.communicate()
        found = [line for line in output.splitlines() if line.startswith("COUNTED ")]
        if not found:
            raise WrongAnswers(f"!! bench: wrk {self.script} failed:\n{output}")
        counted = msgspec.json.decode(found[0].removeprefix("COUNTED "), type=Counted)
        if counted.wrong or counted.broken or not counted.right:
            raise WrongAnswers(f"!! bench: {self.script}: not every answer was right: {counted}")
        return Measured(counted, (_cpu_seconds() - before) / counted.microseconds * 1e6)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
