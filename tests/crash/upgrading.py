"""Servers of two versions as processes of their own, and the command line of the newer one."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
READY = re.compile(r" port (\d+) ")
THIS, NEXT = ("-c", "from counterfoil.cli import main; main()"), ("-m", "tests.newer")
SECONDS = 90


class Place:
    """One installation, and programs of either version on it."""

    def __init__(self, data: Path, database: str, issuer: str) -> None:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("COUNTERFOIL_")}
        given = {
            "DATA": str(data),
            "ISSUER": issuer,
            "CODE_LIFETIME": "600",
            "REFRESH_WINDOW": "300",
            "PORT": "0",
        }
        given |= {"DATABASE": database} if database else {}
        self.environment = inherited | {f"COUNTERFOIL_{n}": v for n, v in given.items()}

    def command(
        self, version: tuple[str, str], *arguments: str, log: IO[str] | int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *version, *arguments],
            stdout=subprocess.PIPE, stderr=log, text=True, env=self.environment, cwd=ROOT,
        )  # fmt: skip

    @contextmanager
    def serving(self, version: tuple[str, str], *arguments: str) -> Iterator["Server"]:
        """A server; it ends with the block if it has not ended before."""
        with (
            tempfile.TemporaryFile("w+") as log,
            self.command(version, "serve", *arguments, log=log) as process,
        ):
            try:
                assert process.stdout is not None
                server = Server(process, log)
                ready = READY.search(process.stdout.readline())
                assert ready is not None, server.said()
                server.base = f"http://127.0.0.1:{ready[1]}"
                yield server
            finally:
                process.terminate()


class Server:
    """A process that serves, and what it logs."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self.process = process
        self.base = ""
        self._log = log

    def said(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def outcome(self) -> tuple[int, str]:
        """Wait for the end; gives the exit code and all that it had to say."""
        return self.process.wait(SECONDS), self.said()

    def end(self) -> tuple[int, str]:
        """Tell it to end, and wait for that."""
        self.process.terminate()
        return self.outcome()
