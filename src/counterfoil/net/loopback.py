"""Where a browser comes back to a program in a terminal: once, on this machine (RFC 8252 §7.3).

What comes may come from any program here, and from any page in any browser. So nothing but the
answer to this very sign-in ends the wait, and nothing that came is shown.
"""

import hmac
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

PATH: Final = "/callback"
IMPATIENCE: Final = 5.0
"""Seconds in which a request must come, once connected; browsers connect ahead and say nothing."""
_MOST: Final = 16
"""Connections at once."""
_PAGE: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
    "<style>body{{font:1.1rem/1.5 system-ui;margin:4rem auto;max-width:32rem;padding:0 1rem;"
    "color-scheme:light dark}}</style><h1>{title}</h1><p>{text}</p></html>"
)
_DONE: Final = _PAGE.format(
    title="You may close this page", text="Go back to the terminal: it goes on there."
)
_OTHER: Final = _PAGE.format(
    title="Nothing to see here", text="This is not the answer that is waited for."
)


class Loopback:
    """Listens on 127.0.0.1 until the browser brings the answer of one sign-in.

    Raises:
        OSError: there is no port to be had.
    """

    def __init__(self) -> None:
        self._server = _Server()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.answers.put(None)  # whoever still waits, in another thread, is free
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to come back to."""
        return f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def expect(self, state: str) -> None:
        """Say which answer is waited for. Without its ``state`` nothing counts."""
        self._server.state = state

    def wait(self, seconds: float) -> str:
        """Give the query with which the browser came back.

        Raises:
            TimeoutError: it did not.
        """
        try:
            answer = self._server.answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"nobody came back within {seconds:.0f} seconds") from None
        if answer is None:
            raise TimeoutError("nobody listens any more")
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False  # nobody else may listen there beside us

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = ""
        self.answers: queue.Queue[str | None] = queue.Queue(2)
        self._first = threading.Lock()
        self._room = threading.BoundedSemaphore(_MOST)

    def process_request(self, request: object, client_address: object) -> None:
        """Serve it beside the others, unless there are too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]  # a socket
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve it, and make room."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever breaks off is no concern of the person at the terminal."""

    def is_expected(self, query: str) -> bool:
        """Whether this is the answer that is waited for, and the first of its kind."""
        states = parse_qs(query).get("state", [])
        if len(states) != 1 or not self.state:
            return False
        if not hmac.compare_digest(states[0].encode(), self.state.encode()):
            return False
        return self._first.acquire(blocking=False)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = IMPATIENCE
    server_version = "counterfoil"
    sys_version = ""

    def do_GET(self) -> None:
        """Take the answer, or say that this is none."""
        parts = urlsplit(self.path)
        here = f"127.0.0.1:{self.server.server_port}"
        ours = parts.path == PATH and self.headers.get("Host") == here
        if not ours or not self.server.is_expected(parts.query):
            self._say(404, _OTHER)
            return
        try:
            self._say(200, _DONE)
        finally:
            self.server.answers.put(parts.query)

    def _say(self, status: int, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing: the query holds a code."""
