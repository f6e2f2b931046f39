"""``make run`` as a test starts it: the real command, on free ports, in a directory of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.architecture.sources import ROOT
from tests.ports import free_port

READY_WITHIN = 60
END_WITHIN = 20
LAST_LINE = "Ctrl-C ends everything."


class Demonstration:
    """A running ``examples/run.py`` and what it printed."""

    def __init__(self, port: int, data: Path, printed: str, process: subprocess.Popen[str]) -> None:
        self.port = port
        self.issuer = f"http://localhost:{port}"
        self.api = f"http://127.0.0.1:{port + 1}"
        self.web = f"http://127.0.0.1:{port + 2}"
        self.data = data
        self.printed = printed
        self.process = process

    @property
    def passwords(self) -> dict[str, str]:
        """E-mails and passwords, where this start made them."""
        return dict(re.findall(r"^ +(\S+@\S+) +(\S+) +(?:user|administrator)$", self.printed, re.M))

    @property
    def commands(self) -> list[str]:
        """The four commands to paste, in order."""
        titled = re.findall(
            r"^  (?:Get a token|Call the API|End it|Call again)[^\n]*:\n([^\n]+)$",
            self.printed,
            re.M,
        )
        assert len(titled) == 4, self.printed
        return titled

    def counterfoil(self, *arguments: str) -> str:
        """Run the command line on the same data directory; give what it prints."""
        command = [sys.executable, "-c", "from counterfoil.cli import main; main()"]
        answer = subprocess.run(
            [*command, *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def end(self, number: int = signal.SIGTERM) -> str:
        """End it by a signal; give what it said on stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=END_WITHIN)
        return errors


def start(port: int, data: Path) -> subprocess.Popen[str]:
    """Start ``examples/run.py``, in the root of the project."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERFOIL_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(
        [sys.executable, "examples/run.py", "--port", str(port), "--data", str(data)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def demonstration(data: Path) -> Iterator[Demonstration]:
    """Run it from when it has printed its page to the end of the block."""
    port = free_port()
    process = start(port, data)
    try:
        yield Demonstration(port, data, _page_of(process), process)
    finally:
        if process.poll() is None:
            process.terminate()
        with suppress(ValueError):
            process.communicate(timeout=END_WITHIN)


def _page_of(process: subprocess.Popen[str]) -> str:
    printed = ""
    watchdog = threading.Timer(READY_WITHIN, process.terminate)
    watchdog.start()
    try:
        for line in process.stdout or ():
            printed += line
            if line.startswith(LAST_LINE):
                return printed
    finally:
        watchdog.cancel()
    _, errors = process.communicate(timeout=END_WITHIN)
    raise AssertionError(f"it ended before it was ready:\n{printed}\n{errors}")
