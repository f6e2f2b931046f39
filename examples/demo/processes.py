"""The three servers as child processes: started, waited for, and all ended whatever happens."""

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from .places import HOST, Places
from .provision import AUDIENCE, Demo

EXAMPLES = Path(__file__).parents[1]
READY_WITHIN = 30.0
END_WITHIN = 8.0
PAUSE = 0.01
"""Seconds between two questions whether a server is ready."""


class Ended(Exception):
    """A server ended, or never began to answer."""


class Stopped(Exception):
    """A signal asked for the end."""


class Child:
    """One server. What it says before it is ready is told only where it never becomes so."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        stop: threading.Event,
    ) -> None:
        self.name = name
        self._stop = stop
        self.is_ready = False
        self._held: list[str] = []
        # A session of its own: Ctrl-C reaches us alone, and we end the children in order.
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.process.stderr or ():
            if self.is_ready:
                self._tell(line)
            else:
                self._held.append(line)

    def _tell(self, line: str) -> None:
        print(f"{self.name}: {line}", end="", file=sys.stderr, flush=True)

    def wait_until_ready(self, url: str) -> None:
        """Ask until it answers 200.

        Raises:
            Ended: the process ended first, or took too long.
        """
        last = time.monotonic() + READY_WITHIN
        while not _answers(url):
            self.demand_running(PAUSE)
            if time.monotonic() > last:
                self._tell_held()
                raise Ended(f"{self.name} did not become ready within {READY_WITHIN:.0f} seconds.")
        self.is_ready = True

    def demand_running(self, seconds: float) -> None:
        """Watch it for so long.

        Raises:
            Ended: it ended.
            Stopped: everything is to end.
        """
        if self._stop.is_set():
            raise Stopped
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(seconds)
            self._listener.join(1)
            self._tell_held()
            raise Ended(
                f"{self.name} ended by itself, with exit code {code}. The others were ended too."
            )

    def _tell_held(self) -> None:
        for line in self._held:
            self._tell(line)

    def end(self) -> None:
        """Ask it to end; kill it where it does not listen."""
        self.process.terminate()
        try:
            self.process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join(1)


class Processes:
    """The children in the order of their start. ``stop`` is set once they are to end."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._children: list[Child] = []

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> Child:
        """Start a child.

        Raises:
            Stopped: everything is to end.
        """
        if self._stop.is_set():
            raise Stopped
        child = Child(name, command, environment, self._stop)
        self._children.append(child)
        return child

    def watch(self) -> None:
        """Go on for as long as all of them run.

        Raises:
            Ended: one of them ended by itself.
            Stopped: everything is to end.
        """
        while True:
            for child in self._children:
                child.demand_running(0.1)

    def end(self) -> None:
        """End all of them, the last one first: nobody loses the server while it still needs it."""
        for child in reversed(self._children):
            child.end()


@contextlib.contextmanager
def running(stop: threading.Event) -> Iterator[Processes]:
    """Hold the children; they end with the block."""
    processes = Processes(stop)
    try:
        yield processes
    finally:
        processes.end()


def start_server(processes: Processes, places: Places) -> Child:
    """``counterfoil serve``, as anybody would start it."""
    command = [
        *(sys.executable, "-c", "from counterfoil.cli import main; main()", "serve"),
        *("--data", str(places.data), "--host", HOST, "--port", str(places.port)),
        *("--issuer", places.issuer),
    ]
    return processes.start("the server", command, {})


def start_api(processes: Processes, places: Places) -> Child:
    """The notes API, which needs to know whom to trust, and its own name."""
    environment = {"NOTES_ISSUER": places.issuer, "NOTES_AUDIENCE": AUDIENCE}
    return processes.start("the notes API", _uvicorn("notes_api", places.port + 1), environment)


def start_web(processes: Processes, places: Places, demo: Demo) -> Child:
    """The notes app, a confidential client."""
    environment = {
        "NOTES_ISSUER": places.issuer,
        "NOTES_CLIENT_ID": demo.web_client_id,
        "NOTES_CLIENT_SECRET": demo.web_secret.reveal(),
        "NOTES_API_URL": places.api,
        "NOTES_WEB_URL": places.web,
    }
    return processes.start("the notes app", _uvicorn("notes_web", places.port + 2), environment)


def _uvicorn(package: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", f"{package}.app:from_environment", "--factory"),
        *("--app-dir", str(EXAMPLES), "--host", HOST, "--port", str(port), "--lifespan", "on"),
        *("--log-level", "warning", "--no-access-log", "--no-server-header"),
        *("--timeout-graceful-shutdown", "2"),
    ]


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=1)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
