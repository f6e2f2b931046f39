"""A server that says whatever it is told to, on a real port, and remembers who asked for what."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Words = tuple[int, dict[str, str], bytes]


class Hostile(ThreadingHTTPServer):
    """``said``: the answer for each path; 404 for all others."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.said: dict[str, Words] = {}
        self.asked: list[tuple[str, dict[str, str], str]] = []

    def say(self, path: str, document: object, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(document).encode()
        self.said[path] = status, {"Content-Type": "application/json"} | named, body

    def publish(self, **members: Any) -> None:
        """Publish metadata, whole and right save for these members."""
        self.say(
            "/.well-known/openid-configuration",
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "device_authorization_endpoint": f"{self.url}/device",
                "jwks_uri": f"{self.url}/jwks",
                "authorization_response_iss_parameter_supported": True,
            }
            | members,
        )

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    server: Hostile

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((path, headers, body))
        status, said, content = self.server.said.get(path, (404, {}, b""))
        self.send_response(status)
        for name, value in said.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@contextmanager
def hostile() -> Iterator[Hostile]:
    with Hostile() as it:
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield it
        finally:
            it.shutdown()
            thread.join()
