"""nginx before several servers, with the configuration that the handbook shows."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHOWN = ROOT / "examples" / "proxy" / "nginx.conf"
_SECONDS = 30
_AROUND = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 512; }}
http {{
    log_format who '$upstream_addr $request_method $uri $status';
    access_log {folder}/access.log who;
    {temporary}
    {shown}
}}
"""
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program() -> Path | None:
    """The program: the machine's, or the one that ``make test`` has fetched."""
    found = shutil.which("nginx")
    fetched = ROOT / ".venv" / "nginx" / "usr" / "sbin" / "nginx"
    return Path(found) if found else fetched if fetched.exists() else None


class Proxy:
    """nginx on a port of loopback. ``answered`` tells which server answered what."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answered(self, path: str) -> dict[str, int]:
        """Count the requests for a path, by the server that answered."""
        counts: dict[str, int] = {}
        for line in (self._folder / "access.log").read_text().splitlines():
            server, _, uri, _ = line.split()
            if uri == path:
                counts[server] = counts.get(server, 0) + 1
        return counts


@contextmanager
def proxying(folder: Path, port: int, servers: Sequence[int]) -> Iterator[Proxy]:
    """Run nginx before servers of loopback, by their ports."""
    configuration = folder / "nginx.conf"
    configuration.write_text(_configuration(folder, port, servers))
    found = program()
    assert found is not None
    command = [str(found), "-p", str(folder), "-c", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_for(port, process)
            yield Proxy(folder, port)
        finally:
            process.terminate()


def _configuration(folder: Path, port: int, servers: Sequence[int]) -> str:
    shown, count = SHOWN.read_text(), 0
    listed = "".join(f"server 127.0.0.1:{each};" for each in servers)
    for pattern, instead in (
        (r"(    server 127\.0\.0\.1:\d+;\n)+", f"    {listed}\n"),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        (r"ssl_certificate\w* .*;", ""),
        (r"\$host;", "$http_host;"),
    ):
        shown, changes = re.subn(pattern, instead, shown)
        count += changes > 0
    assert count == 4, "the configuration that is shown has changed its form"
    temporary = "".join(f"{each}_temp_path {folder}/{each};" for each in _TEMPORARY)
    user = "user root;" if os.geteuid() == 0 else ""
    return _AROUND.format(folder=folder, user=user, temporary=temporary, shown=shown)


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, process.stderr and process.stderr.read()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("nginx does not listen")
