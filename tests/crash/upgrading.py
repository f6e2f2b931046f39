"""Servers of two versions as processes of their own, and the command line of the newer one."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY = re.compile(r" port (\d+) ")
THIS, NEXT = ("-c", "from counterfoil.cli import main; main()"), ("-m", "tests.newer")
SECONDS = 90


class Place:
    """One installation, and programs of either version on it."""

    def __init__(self, data: Path, database: str, issuer: str) -> None:
        self.log = data.parent / "log"
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("COUNTERFOIL_")}
        given = {"DATA": str(data), "ISSUER": issuer, "CODE_LIFETIME": "600", "PORT": "0"}
        given |= {"DATABASE": database} if database else {}
        self.environment = inherited | {f"COUNTERFOIL_{n}": v for n, v in given.items()}

    def command(self, version: tuple[str, str], *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *version, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment, cwd=ROOT,
        )  # fmt: skip

    @contextmanager
    def serving(self, version: tuple[str, str], *arguments: str) -> Iterator["Server"]:
        """A server; it ends with the block if it has not ended before."""
        with self.command(version, "serve", *arguments) as process:
            try:
                assert process.stdout is not None
                ready = READY.search(process.stdout.readline())
                assert ready is not None, process.stderr and process.stderr.read()
                yield Server(process, f"http://127.0.0.1:{ready[1]}")
            finally:
                process.terminate()


class Server:
    def __init__(self, process: subprocess.Popen[str], base: str) -> None:
        self.process = process
        self.base = base

    def outcome(self) -> tuple[int, str]:
        """Wait for the end; gives the exit code and all that it had to say."""
        _, said = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, said

    def end(self) -> tuple[int, str]:
        """Tell it to end, and wait for that."""
        self.process.terminate()
        return self.outcome()
