"""NATS servers of the tests' own, with JetStream: started when asked for, gone with the process."""

import functools
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.ports import free_port

_SECONDS_TO_START = 30


@functools.cache
def program() -> Path | None:
    """Where nats-server is: the wheel's, or the machine's."""
    of_the_wheel = Path(sys.executable).parent / "nats-server"
    if of_the_wheel.exists():
        return of_the_wheel
    found = shutil.which("nats-server")
    return Path(found) if found else None


class Nats:
    """One server in a folder of its own, on ports of its own. ``settings`` are added to its own."""

    def __init__(self, folder: Path, name: str, **settings: Any) -> None:
        self.folder = folder
        self.name = name
        self.port, self.cluster_port = free_port(), free_port()
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        own = {
            "server_name": self.name,
            "listen": f"127.0.0.1:{self.port}",
            "jetstream": {"store_dir": str(self.folder / self.name)},
        }
        file = self.folder / f"{self.name}.conf"
        file.write_text(json.dumps(own | self.settings))
        with_us = ("setpriv", "--pdeathsig=KILL") if shutil.which("setpriv") else ()
        assert program() is not None, "nats-server is not here"
        with (self.folder / f"{self.name}.log").open("ab") as log:
            command = [*with_us, str(program()), "-c", str(file)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + _SECONDS_TO_START
        while True:
            assert time.monotonic() < end, self.log
            assert self._process is not None
            assert self._process.poll() is None, self.log
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    assert connection.recv(5) == b"INFO "
                    return
            except OSError:
                time.sleep(0.02)

    @property
    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text()

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Have it keep its connections and do nothing any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self._process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def running(**settings: Any) -> Iterator[Nats]:
    """A server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-nats-") as folder:
        server = Nats(Path(folder), "n1", **settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def cluster(size: int = 3) -> Iterator[Sequence[Nats]]:
    """Servers that keep a stream together."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-nats-") as folder, ExitStack() as stack:
        nodes = [Nats(Path(folder), f"n{number}") for number in range(1, size + 1)]
        routes = [f"nats://127.0.0.1:{node.cluster_port}" for node in nodes]
        for node in nodes:
            listen = f"127.0.0.1:{node.cluster_port}"
            node.settings = {"cluster": {"name": "c", "listen": listen, "routes": routes}}
            node.start()
            stack.callback(node.stop)
        yield nodes
