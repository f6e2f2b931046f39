"""A small API on a real port, which accepts the tokens that it is told and remembers what came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENDED = 'Bearer error="invalid_token", error_reason="revoked"'


class Api(ThreadingHTTPServer):
    """``good``: the tokens that pass. ``/to/…`` redirects there; all else is answered ``ok``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.good: set[str] = set()
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    @property
    def shown(self) -> list[str]:
        """The credentials of every request, in turn."""
        return [headers.get("authorization", "") for _, _, headers, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        token = headers.get("authorization", "").partition(" ")[2]
        if self.path.startswith("/to/"):
            self._say(307, {"Location": self.path.removeprefix("/to/")})
        elif token in self.server.good:
            self._say(200, {}, b"ok")
        else:
            self._say(401, {"WWW-Authenticate": ENDED})

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _say(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@contextmanager
def listening() -> Iterator[Api]:
    """Run one until the end of the block."""
    with Api() as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()
