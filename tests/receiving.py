"""A client's place for logout tokens, on a real port of this machine, well-behaved or not."""

import asyncio
import logging
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from counterfoil.jose.jwt import unverified_claims

PATIENCE = 20
"""Seconds after which a test gives up on what should come within one."""


class Receiver(ThreadingHTTPServer):
    """Takes logout tokens and answers ``status``; ``hang`` and ``endless`` are what they say."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/logged-out"
        self.status = 200
        self.manner = ""
        self.headers: Mapping[str, str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.tokens: list[str] = []
        self.released = threading.Event()
        self._arrived = queue.Queue[str]()

    def next(self) -> str:
        """Wait for the next token."""
        return self._arrived.get(timeout=PATIENCE)

    def take(self, handler: "_Handler", form: str) -> None:
        self.asked.append((handler.path, {k.lower(): v for k, v in handler.headers.items()}))
        token = parse_qs(form).get("logout_token", [""])[0]
        self.tokens.append(token)
        self._arrived.put(token)

    @property
    def said(self) -> list[tuple[str, str | None]]:
        """Whose sessions, and which, it was told of: ``sub`` and ``sid``, in order."""
        claims = [unverified_claims(token) for token in self.tokens]
        return [(str(each["sub"]), each.get("sid")) for each in claims]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.take(self, form)
        with suppress(OSError):
            self._answer()

    def do_GET(self) -> None:
        self.server.take(self, "")
        self.send_response(200)
        self.end_headers()

    def _answer(self) -> None:
        if self.server.manner == "hang":
            self.server.released.wait(PATIENCE)
            return
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        while self.server.manner == "endless" and not self.server.released.is_set():
            self.wfile.write(b"x" * 65_536)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


class _Listener(logging.Handler):
    """Notes when something is logged; it is logged after it was written down."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
        self.heard = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.heard.set()


@contextmanager
def hearing(words: str) -> Iterator[asyncio.Event]:
    """An event that is set when whoever tells clients of logouts logs these words."""
    log = logging.getLogger("counterfoil.server.backchannel.delivery")
    listener, level = _Listener(words), log.level
    log.addHandler(listener)
    log.setLevel(logging.DEBUG)
    try:
        yield listener.heard
    finally:
        log.removeHandler(listener)
        log.setLevel(level)


SERVED = "was served"
POSTPONED = "is told of logouts in"


@contextmanager
def receiver() -> Iterator[Receiver]:
    with Receiver() as it:
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield it
        finally:
            it.released.set()
            it.shutdown()
            thread.join()
