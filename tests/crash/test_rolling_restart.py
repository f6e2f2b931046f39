"""Servers are replaced one after another under a stream of requests, and no request is lost.

The callers keep their connections and follow the standard: a request that went out on an idle
connection that the server closes is sent again on another (RFC 9110 §9.2.2), and so is one that is
answered 503 with Retry-After. Whatever else goes wrong is a loss.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.engines import environment_of
from tests.installation import installed

pytestmark = pytest.mark.anyio

CALLERS = 8
PATIENCE = 60.0
COMMAND = (sys.executable, "-c", "from counterfoil.cli import main; main()")


class Counted:
    """What happened to the requests of all callers."""

    def __init__(self) -> None:
        self.answered = 0
        self.sent_again = 0
        self.asked_back = 0


class Caller:
    """One that keeps its connection for as long as the server does."""

    def __init__(self, port: int, secret: str, counted: Counted) -> None:
        self._port = port
        self._counted = counted
        self._credentials = {"client_id": "service", "client_secret": secret}
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def live(self, stop: asyncio.Event) -> None:
        """Get tokens, and ask whether they stand, until told to stop."""
        while not stop.is_set():
            token = (await self.post("/token", grant_type="client_credentials"))["access_token"]
            for _ in range(3):
                answer = await self.post("/introspect", token=str(token))
                assert answer["active"], "one server does not know what another issued"
        self._hang_up()

    async def post(self, path: str, **form: str) -> dict[str, object]:
        """Send a request until it is answered; gives the document."""
        body = urlencode(form | self._credentials).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        sent = head.encode() + b"content-type: application/x-www-form-urlencoded\r\n\r\n" + body
        while True:
            answer = await self._once(sent)
            if answer is not None:
                return answer

    async def _once(self, sent: bytes) -> dict[str, object] | None:
        was_kept = self._line is not None
        reader, writer = self._line or await asyncio.open_connection("127.0.0.1", self._port)
        self._line = reader, writer
        try:
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            begun = getattr(error, "partial", b"")
            assert was_kept, "a new connection was closed without an answer"
            assert not begun, "an answer was cut off"
            self._counted.sent_again += 1
            self._hang_up()
            return None
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None, head
        body = await reader.readexactly(int(length[1]))
        if b"connection: close" in head:
            self._hang_up()
        if head.startswith(b"HTTP/1.1 503 "):
            assert b"retry-after: " in head
            self._counted.asked_back += 1
            return None
        assert head.startswith(b"HTTP/1.1 200 "), head + body
        self._counted.answered += 1
        document: dict[str, object] = json.loads(body)
        return document

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line[1].transport.abort()
            self._line = None


class House:
    """``counterfoil serve --workers 2``, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def said(self) -> str:
        """All of it until now."""
        return self._output.read_text()

    @property
    def workers(self) -> set[int]:
        """Their pids."""
        pid = self.process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for what the processes bring about."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                assert self.process.poll() is None, self.said
                await asyncio.sleep(0.02)


def started(data: Path, output: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [*COMMAND, "serve", "--data", str(data), "--port", "0", "--workers", "2"]
    surroundings = {**os.environ, **environment_of(data), **environment}
    with output.open("wb") as everything:
        return subprocess.Popen(command, stdout=everything, stderr=everything, env=surroundings)


@asynccontextmanager
async def house(data: Path, **environment: str) -> AsyncIterator[House]:
    """Two workers on any port."""
    output = data.parent / "output"
    process = started(data, output, environment)
    made = House(process, output)
    try:
        await made.until(lambda: "serves http" in made.said)
        yield made
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)


def port_of(place: House) -> int:
    found = re.search(r"port (\d+)", place.said)
    assert found is not None
    return int(found[1])


async def replace_all(place: House) -> None:
    """By SIGHUP: every worker gives way to a new one."""
    before = place.said.count("every worker was replaced")
    place.process.send_signal(signal.SIGHUP)
    await place.until(lambda: place.said.count("every worker was replaced") > before)


async def end_each(place: House) -> None:
    """By SIGTERM, one after the other, as an operator might."""
    for pid in place.workers:
        os.kill(pid, signal.SIGTERM)
        gone = f"worker {pid} ended; another starts"
        await place.until(lambda gone=gone: gone in place.said and len(place.workers) == 2)


@pytest.mark.timeout(180)
async def test_no_request_is_lost_when_servers_are_replaced(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """S92: whoever asked one server is answered by it, and goes on with another."""
    async with installed(tmp_path / "data") as made:
        secret = made.secrets["service"]
    counted, stop, begun = Counted(), asyncio.Event(), time.monotonic()
    async with house(tmp_path / "data") as place, asyncio.TaskGroup() as group:
        before = place.workers
        for _ in range(CALLERS):
            group.create_task(Caller(port_of(place), secret, counted).live(stop))
        await place.until(lambda: counted.answered > 100)
        await replace_all(place)
        assert not before & place.workers
        await end_each(place)
        until = counted.answered + 100
        await place.until(lambda: counted.answered > until)
        stop.set()
    assert "Traceback" not in place.said
    record_property(
        "told",
        f"four workers replaced in {time.monotonic() - begun:.0f} s: {counted.answered} requests "
        f"answered, {counted.sent_again} sent again as their connection was closed, "
        f"{counted.asked_back} asked to come back, none lost",
    )
    assert counted.sent_again <= CALLERS, "at the most what was on its way as a line was closed"


async def test_workers_that_cannot_take_over_leave_those_who_serve_in_place(
    tmp_path: Path,
) -> None:
    """A mistake in the settings is said, and nothing is ended for it."""
    async with installed(tmp_path / "data"):
        pass
    config = tmp_path / "counterfoil.toml"
    config.write_text("")
    async with house(tmp_path / "data", COUNTERFOIL_CONFIG=str(config)) as place:
        before = place.workers
        config.write_text("no_such_setting = 1\n")
        place.process.send_signal(signal.SIGHUP)
        await place.until(lambda: "those before go on" in place.said)
        assert "no_such_setting" in place.said
        assert place.workers == before
