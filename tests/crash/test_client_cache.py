"""Processes that share one cache are killed at random moments, and at the worst: nobody is lost."""

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterfoil.client import Client, FileCache
from tests.interop.serving import CALLBACK, SCOPE, Serving, serving

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("COUNTERFOIL_TEST_KILLS", "12"))
SEED = int(os.environ.get("COUNTERFOIL_TEST_SEED", "20261126"))
PROCESSES = 3


class Holders:
    """The processes, by what they say."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.alive: list[int] = []
        self.held = 0

    def start(self, how: str = "go") -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{how}\n")
        self._process.stdin.flush()
        while (said := self.hear())[0] != "started":
            pass
        pid = int(said[1])
        self.alive.append(pid)
        return pid

    def hear(self) -> list[str]:
        assert self._process.stdout is not None
        said = self._process.stdout.readline().split(maxsplit=2)
        assert said, "they have all ended"
        assert said[0] != "failed", said
        self.held += said[0] == "held"
        return said

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.alive.remove(pid)

    def hear_of(self, pid: int) -> None:
        """Wait until one has been given tokens."""
        while self.hear() != ["held", str(pid)]:
            pass


@contextmanager
def holders(issuer: str, directory: Path) -> Iterator[Holders]:
    command = [sys.executable, "-m", "tests.crash.holders", issuer, str(directory)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        it = Holders(process)
        try:
            yield it
        finally:
            for pid in it.alive:
                os.kill(pid, signal.SIGKILL)
            process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture
def directory(server: Serving, tmp_path: Path) -> Path:
    """A cache in which somebody is signed in."""
    place = tmp_path / "tokens"
    with Client(server.issuer, "spa", redirect_uri=CALLBACK, cache=FileCache(place)) as app:
        sign_in = app.begin(SCOPE)
        tokens = app.complete(sign_in.attempt, server.allow(sign_in.url))
        app.holder().take(tokens)
    return place


def still_signed_in(server: Serving, directory: Path) -> bool:
    """Whether the family lives: a process that comes now gets a fresh token."""
    with Client(server.issuer, "spa", cache=FileCache(directory)) as app:
        holder = app.holder()
        before = holder.access_token()
        return holder.tokens(refused=before).access_token != before


def test_nobody_is_signed_out_when_processes_are_killed(server: Serving, directory: Path):
    """S19: three refresh at once and without end; twelve are killed, at any moment."""
    chance = random.Random(SEED)
    with holders(server.issuer, directory) as them:
        for _ in range(PROCESSES):
            them.start()
        for _ in range(KILLS):
            for _ in range(chance.randrange(1, 12)):
                them.hear()
            them.kill(chance.choice(them.alive))
            them.start()
        for pid in them.alive:
            them.hear_of(pid)
    assert still_signed_in(server, directory)


def test_an_answer_that_dies_with_its_process_is_given_to_the_next(
    server: Serving, directory: Path
):
    """kill -9 after the answer and before it is kept: the same successor comes again."""
    with holders(server.issuer, directory) as them:
        for _ in range(3):
            dying = them.start("die")
            _wait_for_end(dying)
            them.alive.remove(dying)
            going = them.start()
            them.hear_of(going)
            them.hear_of(going)
            them.kill(going)
    assert still_signed_in(server, directory)


def _wait_for_end(pid: int) -> None:
    """Wait until a process that is no child of ours is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 20)[0], "it did not die"
    finally:
        os.close(descriptor)
