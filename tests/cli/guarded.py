"""An API behind a real guard that says whose tokens it takes, and a person at a terminal (S116)."""

import json
import threading
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result

from counterfoil.cli.program import program
from counterfoil.guard import Guard, Rejected
from counterfoil.oauth.challenge import Challenge
from tests.client.test_terminal import Browser
from tests.interop.serving import Serving

SCOPE = "openid offline_access files:read"
METADATA = "/.well-known/oauth-protected-resource"


class Api(ThreadingHTTPServer):
    """``/more`` needs a scope that nobody has. ``said`` is what it says of itself."""

    daemon_threads = True

    def __init__(self, issuer: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.guard = Guard(issuer=issuer, audience=self.url)
        self.names_itself = True
        self.metadata_at = f"{self.url}{METADATA}"
        self.said: dict[str, Any] = {
            "resource": self.url,
            "authorization_servers": [issuer],
            "scopes_supported": ["files:read"],
        }
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == METADATA:
            self._say(200, self.server.said)
            return
        self.server.asked.append((self.command, self.path, headers, body))
        try:
            token = self.server.guard.check(headers.get("authorization", "").partition(" ")[2])
            if self.path.startswith("/more"):
                token.require("files:write")
        except Rejected as rejected:
            challenge = Challenge(rejected.reason, scope=rejected.scope or "")
            where = f', resource_metadata="{self.server.metadata_at}"'
            named = challenge.header + (where if self.server.names_itself else "")
            self._say(challenge.status, {"error": rejected.reason.value}, named)
        else:
            self._say(200, {"body": body.decode(), "type": headers.get("content-type", "")})

    def _say(self, status: int, document: object, challenge: str = "") -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@contextmanager
def api_of(server: Serving) -> Iterator[Api]:
    """Run an API that is registered, until the end of the block."""
    with Api(server.issuer) as api:
        server.counterfoil("api", "add", api.url, "--scope", "files:read=Read your files")
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with api.guard:
                assert api.guard.wait_until_fresh(10)
                yield api
        finally:
            api.shutdown()
            thread.join()


@dataclass
class Terminal:
    """A person at a terminal, with a home of their own."""

    server: Serving
    home: Path
    visits: list[threading.Thread] = field(default_factory=list)

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        environment = {"XDG_STATE_HOME": str(self.home)}
        result = CliRunner().invoke(
            program, arguments, input=stdin, prog_name="counterfoil", env=environment
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def succeed(self, *arguments: str, stdin: str | None = None) -> str:
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str) -> str:
        """Run what cannot be done: exit code 1, and one line on stderr at the end."""
        result = self.run(*arguments)
        assert result.exit_code == 1, result.output
        last = result.stderr.splitlines()[-1]
        assert last.startswith("counterfoil: ")
        return last

    def login(self, *options: str, client_id: str = "cli", scope: str = SCOPE) -> str:
        who = ("login", self.server.issuer, "--client-id", client_id)
        said = self.succeed(*who, "--scope", scope, *options)
        for visit in self.visits:
            visit.join()
        return said

    @property
    def state(self) -> Path:
        return self.home / "counterfoil"


@contextmanager
def terminal(server: Serving, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal on a machine whose browser signs in and allows whatever is asked."""
    it = Terminal(server, home)

    def visit(url: str) -> None:
        with httpx2.Client(trust_env=False) as browser:
            browser.get(server.allow(url))

    browser = Browser(visit)
    it.visits = browser.opened
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    webbrowser.register("test", None, browser, preferred=True)
    yield it
    for thread in it.visits:
        thread.join()


def registered(it: Serving) -> None:
    """Register the client of terminals, which may ask for the API's scope."""
    it.register(
        "cli",
        *("--redirect-uri", "http://127.0.0.1/callback", "--public"),
        *("--scope", f"{SCOPE} profile email notes:read"),
    )
