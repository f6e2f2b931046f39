"""A thousand guards in one process: each has its own connection, parses what comes, verifies heads.

The reading is the guard's own (`EventParser`, `FeedReader`, `RevocationSet`); only HTTP's frame is
read here, for it is the guards that are to be many and not their HTTP clients. They are a thousand
machines: that one verifies a head, or looks for garbage, keeps no other from what it is told. Lines
in are names of tokens (``jti``); lines out are ``ready``, then for each name the nanoseconds of the
monotonic clock, which all processes of a machine share, at which each guard first refused it.
"""

import gc
import resource
import secrets
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bench.http_session import HttpSession
from counterfoil.guard.feed_reader import FeedReader
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.notices import Verdict
from counterfoil.guard.policy import BUDGET, Issuer, Staleness
from counterfoil.net.event_stream import Event, EventParser
from counterfoil.oauth.receipts import INTRODUCTION, Introduction
from counterfoil.oauth.revocations import Marks

_SPARE_FILES: Final = 64
_AT_ONCE: Final = 65_536
"""Bytes of one reading."""


class Crowd:
    """All guards, and the token that they are watched for.

    ``verifying`` are those that have a head to verify, each as often as it has events to read.
    """

    def __init__(self) -> None:
        self.marks: Marks | None = None
        self.refused: list[int] = []
        self.ready = 0
        self.verifying: deque[Follower] = deque()

    def watch(self, jti: str) -> None:
        """Watch for a token from now on."""
        self.refused = []
        self.marks = Marks(jti, "", "client", 0, "api", 0, "kid")


class Follower:
    """One guard's connection."""

    def __init__(self, crowd: Crowd, start: "Start") -> None:
        self._crowd = crowd
        state = IssuerState(Issuer(start.issuer), Staleness.reject())
        state.feed_keys.take(start.feed_keys)
        self._notices = state.notices
        self._reader = FeedReader(state)
        reading = self._reader.snapshot(time.time())
        reading.feed(start.snapshot)
        if not self._reader.begin(reading, time.time()):
            sys.exit("!! bench: the snapshot was not taken")
        self._begun_at = self._notices.fresh_at
        self._is_fresh = False
        self._refuses: Marks | None = None
        self._parser = EventParser()
        self._later: deque[Event] = deque()
        self._buffer = b""
        self._in_body = False

    def asks(self) -> bytes:
        """Ask for what follows the snapshot."""
        guard = Introduction("reject", BUDGET, secrets.token_urlsafe(16))
        asked = (
            "GET /notices HTTP/1.1\r\nHost: bench\r\n"
            f"Last-Event-ID: {self._notices.position}\r\n{INTRODUCTION}: {guard}\r\n\r\n"
        )
        return asked.encode()

    def receive(self, data: bytes) -> None:
        """Take the chunks of the body (RFC 9112 §7.1). Nobody hangs up while it is measured."""
        if not data:
            sys.exit("!! bench: a follower was dropped")
        data = self._buffer + data
        if not self._in_body:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 200"):
                sys.exit(f"!! bench: the feed answered {head[:100]!r}")
            self._in_body = True
        while (line := data.find(b"\r\n")) >= 0:
            end = line + 2 + int(data[:line], 16)
            if len(data) < end + 2:
                break
            self._take(data[line + 2 : end])
            data = data[end + 2 :]
        self._buffer = data

    def go_on(self) -> None:
        """Read the oldest event that waits here since a head came."""
        self._read(self._later.popleft())

    def _take(self, chunk: bytes) -> None:
        for event in self._parser.feed(chunk):
            if self._later or event.name == "head":
                self._later.append(event)  # in the order in which they came, as any guard
                self._crowd.verifying.append(self)
            else:
                self._read(event)

    def _read(self, event: Event) -> None:
        if self._reader.take(event, time.time()) is not Verdict.GO_ON:
            sys.exit(f"!! bench: a follower must begin anew: {event}")
        crowd = self._crowd
        marks = crowd.marks
        watched = marks is not None and marks is not self._refuses
        if watched and marks and self._notices.rejects(marks, time.time()) is not None:
            self._refuses = marks
            crowd.refused.append(time.monotonic_ns())
        if not self._is_fresh and self._notices.fresh_at > self._begun_at:
            self._is_fresh = True
            crowd.ready += 1


class Start(msgspec.Struct, frozen=True):
    """With what every guard begins."""

    issuer: str
    feed_keys: dict[str, object]
    snapshot: bytes


class Lines:
    """The connections of all followers. A plain loop: what it costs is not the guards'."""

    def __init__(self, crowd: Crowd, start: Start, number: int) -> None:
        parts = urlsplit(start.issuer)
        self._verifying = crowd.verifying
        self._poll = select.epoll()
        self._followers: dict[int, tuple[socket.socket, Follower]] = {}
        for _ in range(number):
            follower = Follower(crowd, start)
            line = socket.create_connection((parts.hostname, parts.port))
            line.sendall(follower.asks())
            line.setblocking(False)
            self._followers[line.fileno()] = line, follower
            self._poll.register(line, select.EPOLLIN)

    def listen(self, until: Callable[[], bool]) -> None:
        """Receive until it is so."""
        while not until():
            self._receive()

    def listen_until_told(self) -> str:
        """Receive until there is a line on the standard input, and give it."""
        self._poll.register(sys.stdin, select.EPOLLIN)
        while not self._receive():
            pass
        self._poll.unregister(sys.stdin)
        return sys.stdin.readline().strip()

    def _receive(self) -> bool:
        """Take what has come; where nothing has, let one guard verify. Whether we are spoken to."""
        is_told = False
        ready = self._poll.poll(0 if self._verifying else None)
        for number, _ in ready:
            if number == sys.stdin.fileno():
                is_told = True
            else:
                line, follower = self._followers[number]
                follower.receive(line.recv(_AT_ONCE))
        if not ready:
            self._verifying.popleft().go_on()
        return is_told


def main(issuer: str, number: int) -> None:
    session = HttpSession(urlsplit(issuer).port or 80)
    keys = msgspec.json.decode(session.get("/notices/jwks.json").body)
    start = Start(issuer, keys, session.get("/notices/snapshot").body.encode())
    session.close()
    crowd = Crowd()
    lines = Lines(crowd, start, number)
    lines.listen(lambda: crowd.ready == number)
    _look_for_garbage()
    gc.disable()  # or one guard's turn to look would be everybody's
    print("ready", flush=True)
    while name := lines.listen_until_told():
        crowd.watch(name)
        print("watching", flush=True)
        lines.listen(lambda: len(crowd.refused) == number)
        print(*crowd.refused, flush=True)
        _look_for_garbage()


def _look_for_garbage() -> None:
    """Look through what is new; what is held from here on belongs to a thousand heaps."""
    gc.collect()
    gc.freeze()


def _allow_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and wanted > hard:
        sys.exit(f"!! bench: {number} followers need {wanted} open files, and {hard} are allowed")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    _allow_files(int(sys.argv[2]))
    main(sys.argv[1], int(sys.argv[2]))
