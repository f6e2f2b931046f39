"""Starting the measured server as its owner does, and a raw ASGI app beside it."""

import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench import machine
from tests.ports import free_port

COUNTERFOIL: Final = str(Path(sys.executable).with_name("counterfoil"))
_START_WITHIN: Final = 30.0
_ONE_CALLER: Final = {
    f"{what}_rate_per_minute": "1000000000"
    for what in ("token", "introspection", "revocation", "page", "admin", "client")
}
"""All requests come from one address and one client: they are counted, as ever, and let in."""


class Running(Struct, frozen=True):
    """A server that answers on loopback. ``ready_s`` is how long it took."""

    pid: int
    port: int
    ready_s: float
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class Installation(Struct, frozen=True):
    """A data directory and the port of its server, and the command line on it."""

    data: Path
    port: int
    settings: Mapping[str, str] = {}

    def run(self, *command: str, stdin: str = "") -> dict[str, object]:
        """Run a command, and give what it prints."""
        words = [COUNTERFOIL, *command, "--data", str(self.data), "--json"]
        surroundings = {**environment(self.settings), "COUNTERFOIL_PORT": str(self.port)}
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, env=surroundings, check=False
        )
        if done.returncode:
            sys.exit(f"!! bench: {' '.join(command)}: {done.stderr}")
        document: dict[str, object] = msgspec.json.decode(done.stdout)
        return document


def overview_ms(repeats: int) -> float:
    """Milliseconds of ``counterfoil --help``, from its start to its end."""
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter()
        subprocess.run([COUNTERFOIL, "--help"], capture_output=True, env=environment(), check=True)
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def environment(settings: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Give our environment without settings of Counterfoil but these: defaults are measured.

    Only how often one address and one client may come is more than that.
    """
    ours = {name: value for name, value in os.environ.items() if "COUNTERFOIL_" not in name}
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    given = {**_ONE_CALLER, **(settings or {})}.items()
    return ours | {f"COUNTERFOIL_{name.upper()}": value for name, value in given}


@contextmanager
def counterfoil(installation: Installation) -> Iterator[Running]:
    """Run ``counterfoil serve`` on an installation, pinned, until the context is left."""
    data, port = installation.data, installation.port
    command = [COUNTERFOIL, "serve", "--data", str(data), "--port", str(port)]
    started = Started(command, "/health/ready", data.parent / "server.log", installation.settings)
    with running(started, port) as server:
        yield server


@contextmanager
def raw_asgi(directory: Path) -> Iterator[Running]:
    """Run the raw ASGI app in the same way."""
    port = free_port()
    command = [sys.executable, "-m", "bench.echo", str(port)]
    with running(Started(command, "/", directory / "raw_asgi.log"), port) as server:
        yield server


class Started(Struct, frozen=True):
    """How a server is started: its command, the path that says it is ready, its log.

    ``settings`` are those of Counterfoil, ``surroundings`` any other variables.
    """

    command: Sequence[str]
    ready: str
    log: Path
    settings: Mapping[str, str] = {}
    surroundings: Mapping[str, str] = {}


@contextmanager
def running(started: Started, port: int) -> Iterator[Running]:
    """Run a server, from its first thread on the measured core."""
    begun, log = time.monotonic(), started.log
    surroundings = {**environment(started.settings), **started.surroundings}
    with log.open("w") as output, machine.pinned(machine.MEASURED):
        process = subprocess.Popen(
            started.command, stdout=output, stderr=output, env=surroundings, start_new_session=True
        )
    machine.pin(process.pid, machine.MEASURED)
    try:
        _wait(process, port, started.ready, log)
        yield Running(process.pid, port, time.monotonic() - begun, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, ready: str, log: Path) -> None:
    give_up = time.monotonic() + _START_WITHIN
    while process.poll() is None and time.monotonic() < give_up:
        if _answers(port, ready):
            return
        time.sleep(0.005)
    sys.exit(f"!! bench: the server did not start:\n{log.read_text()}")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
