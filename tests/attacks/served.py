"""A real `counterfoil serve`, whose every word is kept."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.engines import environment_of

COUNTERFOIL = (sys.executable, "-c", "from counterfoil.cli import main; main()")


@asynccontextmanager
async def served(
    data: Path, output: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Serve on any port, with stdout and stderr in a file; gives the address."""
    process = _start(data, output, {**os.environ, **environment_of(data), **(environment or {})})
    try:
        while (found := re.search(rb"serves (http://\S+)", said_in(output))) is None:
            assert process.poll() is None, said_in(output)
            await asyncio.sleep(0.05)
        yield found[1].decode()
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 20)


def _start(data: Path, output: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [*COUNTERFOIL, "serve", "--data", str(data), "--port", "0"]
    with output.open("wb") as everything:
        return subprocess.Popen(command, stdout=everything, stderr=everything, env=environment)


def said_in(output: Path) -> bytes:
    return output.read_bytes()


def cli(data: Path, *words: str) -> bytes:
    """What a command prints, on either stream, as a table and as JSON."""
    said = b""
    for more in ((), ("--json",)):
        command = [*COUNTERFOIL, *words, "--data", str(data), *more]
        answer = subprocess.run(
            command, capture_output=True, check=False, env={**os.environ, **environment_of(data)}
        )
        said += answer.stdout + answer.stderr
        assert answer.returncode == 0, said
    return said
