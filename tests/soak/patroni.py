"""A highly available PostgreSQL: two servers under Patroni, an etcd that says which one leads.

The standby is synchronous: what is acknowledged is stored by both. All listens on loopback alone,
and ends with the block that started it.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.postgres import mask, program

ROOT = Path(__file__).parents[2]
NAMES = ("one", "two")
TTL = 20
"""Seconds after which a leader that says nothing is no leader; Patroni takes no fewer."""
_SECONDS = 120
_LOOPBACK = "127.0.0.1"


def etcd() -> Path | None:
    """The program: the machine's, or the one that ``make soak`` has fetched."""
    found = shutil.which("etcd")
    fetched = ROOT / ".venv" / "etcd" / "usr" / "bin" / "etcd"
    return Path(found) if found else fetched if fetched.exists() else None


class Node:
    """One PostgreSQL server, and the Patroni that looks after it."""

    def __init__(self, folder: Path, name: str, etcd_port: int) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        os.chown(self.folder, mask().owner, -1)
        self.port, self.rest = free_port(), free_port()
        self._configuration = self.folder / "patroni.yml"
        self._configuration.write_text(json.dumps(self._settings(etcd_port)))
        self._process: subprocess.Popen[bytes] | None = None

    def _settings(self, etcd_port: int) -> dict[str, Any]:
        """YAML may be written as JSON."""
        people = {"username": "postgres"}
        dynamic = {
            "ttl": TTL,
            "loop_wait": 2,
            "retry_timeout": 5,
            "synchronous_mode": True,
            "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 100}},
        }
        rules = [f"host {what} all {_LOOPBACK}/32 trust" for what in ("all", "replication")]
        return {
            "scope": "counterfoil",
            "name": self.name,
            "restapi": self._place(self.rest),
            "etcd3": {"hosts": [f"{_LOOPBACK}:{etcd_port}"]},
            "bootstrap": {"dcs": dynamic, "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}]},
            "postgresql": {
                **self._place(self.port),
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(program("postgres").parent),
                "pg_hba": ["local all all trust", *rules],
                "authentication": dict.fromkeys(("superuser", "replication", "rewind"), people),
                "parameters": {
                    "unix_socket_directories": str(self.folder),
                    "shared_buffers": "32MB",
                },
            },
            "watchdog": {"mode": "off"},
        }

    def _place(self, port: int) -> dict[str, str]:
        return {"listen": f"{_LOOPBACK}:{port}", "connect_address": f"{_LOOPBACK}:{port}"}

    def start(self) -> None:
        command = [*mask().words, *dies_with_us(), sys.executable, "-m", "patroni"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._configuration)], stdout=log, stderr=log
            )

    def kill(self) -> None:
        """As when the machine is lost: nobody can say goodbye."""
        postmaster = self._postmaster()
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None
        for pid in (postmaster, *children_of(postmaster)) if postmaster else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _postmaster(self) -> int:
        """Its own data directory says who it is."""
        with suppress(FileNotFoundError, IndexError, ValueError):
            pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
            if str(self.folder) in Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        return 0


class Cluster:
    """Two nodes. ``url`` names both, and is that of the database of an installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._etcd_port = free_port()
        self._etcd: subprocess.Popen[bytes] | None = None
        self.nodes = {name: Node(folder, name, self._etcd_port) for name in NAMES}

    @property
    def url(self) -> str:
        hosts = ",".join(f"{_LOOPBACK}:{node.port}" for node in self.nodes.values())
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    def start(self) -> None:
        here, peers = (f"http://{_LOOPBACK}:{port}" for port in (self._etcd_port, free_port()))
        found = etcd()
        assert found is not None, "etcd is not here"
        with (self.folder / "etcd.log").open("wb") as log:
            self._etcd = subprocess.Popen(
                [*dies_with_us(), str(found), "--data-dir", str(self.folder / "etcd"),
                 "--listen-client-urls", here, "--advertise-client-urls", here,
                 "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
                 "--initial-cluster", f"default={peers}"],
                stdout=log, stderr=log,
            )  # fmt: skip
        self._await(lambda: answers(self._etcd_port))
        for node in self.nodes.values():
            node.start()
        self.await_standby()

    def stop(self) -> None:
        for node in self.nodes.values():
            node.kill()
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd.wait(30)

    def primary(self) -> Node | None:
        """The one that leads now, as all can see."""
        return self._of_role("leader")

    def await_standby(self) -> None:
        """Wait until one leads, and the other has stored all that it acknowledges."""
        self._await(lambda: bool(self.primary() and self._of_role("sync_standby")))

    def _of_role(self, role: str) -> Node | None:
        for node in self.nodes.values():
            for member in members_at(node.rest):
                if member["role"] == role and member["state"] in {"running", "streaming"}:
                    return self.nodes[member["name"]]
        return None

    def _await(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + _SECONDS
        while not holds():
            assert time.monotonic() < until, self._logs()
            time.sleep(0.2)

    def _logs(self) -> str:
        """What they said last."""
        logs = [self.folder / "etcd.log", *(node.folder / "log" for node in self.nodes.values())]
        return "\n".join(f"{log}:\n{log.read_text()[-3000:]}" for log in logs if log.exists())


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-ha-") as folder:
        made = Cluster(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop()


def members_at(port: int) -> list[dict[str, Any]]:
    """What the Patroni at a port says of its cluster; nothing where it does not answer."""
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/cluster")
        members: list[dict[str, Any]] = json.loads(connection.getresponse().read())["members"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return []
    finally:
        connection.close()
    return members


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((_LOOPBACK, port), timeout=1):
        return True
    return False


def dies_with_us() -> tuple[str, ...]:
    return ("setpriv", "--pdeathsig=TERM") if shutil.which("setpriv") else ()


def children_of(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
