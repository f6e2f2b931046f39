"""A real ``counterfoil serve``, set up by the command line, and a person at its pages."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.architecture.sources import ROOT
from tests.installation import hidden_fields, permissions_in

NOTES = "https://notes.example"
EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
CALLBACK = "http://127.0.0.1:9/callback"
GOODBYE = "http://127.0.0.1:9/bye"
SCOPE = "openid profile email offline_access notes:read"
COMMAND = [sys.executable, "-c", "from counterfoil.cli import main; main()"]
READY_WITHIN = 30


@dataclass
class Serving:
    """The server, and what was registered with it."""

    data: Path
    issuer: str = ""
    secrets: dict[str, str] = field(default_factory=dict)

    def counterfoil(self, *arguments: str, given: str = "") -> str:
        """Run a command on the same data directory; give what it prints."""
        answer = subprocess.run(
            [*COMMAND, *arguments, "--data", str(self.data)],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def add_person(self) -> None:
        """Add Ada, who takes her account up with her password."""
        link = json.loads(self.counterfoil("user", "add", EMAIL, "--name", "Ada", "--json"))["link"]
        self.counterfoil("user", "claim", link, "--password-stdin", given=PASSWORD)

    def register(self, client_id: str, *options: str) -> None:
        """Add a client; remember its secret."""
        printed = self.counterfoil(
            "client", "add", client_id.title(), "--client-id", client_id, "--json", *options
        )
        self.secrets[client_id] = json.loads(printed)["client_secret"]

    def allow(self, authorization_url: str) -> str:
        """Go where a client sends the browser, sign in, allow; give the URL that leads back."""
        with httpx2.Client(base_url=self.issuer, trust_env=False) as browser:
            return allowed(browser, authorization_url, EMAIL, PASSWORD)

    def let_in(self, link: str, decision: str = "allow") -> str:
        """Go where a device sends the person, sign in, answer; give what the page says then."""
        with httpx2.Client(base_url=self.issuer, trust_env=False) as browser:
            page = _follow(browser, browser.get(link))
            form: dict[str, Any] = hidden_fields(page.text) | {"email": EMAIL, "password": PASSWORD}
            page = _follow(browser, browser.post("/sign-in", data=form))
            form = hidden_fields(page.text) | {"decision": decision}
            form["permission"] = permissions_in(page.text)
            page = browser.post("/device", data=form)
            assert page.status_code == 200, page.text
            return page.text


def allowed(browser: httpx2.Client, authorization_url: str, email: str, password: str) -> str:
    """Sign in and allow, where the pages ask for it; give the URL that leads back to the app."""
    page = _follow(browser, browser.get(authorization_url))
    if 'name="password"' in page.text:
        form: dict[str, Any] = hidden_fields(page.text) | {"email": email, "password": password}
        page = _follow(browser, browser.post("/sign-in", data=form))
    if page.status_code == 200:
        form = hidden_fields(page.text) | {"decision": "allow"}
        form["permission"] = permissions_in(page.text)
        page = _follow(browser, browser.post("/consent", data=form))
    assert page.status_code == 303, page.text
    return str(page.headers["location"])


def _follow(browser: httpx2.Client, answer: httpx2.Response) -> httpx2.Response:
    while answer.status_code == 303:
        target = answer.headers["location"]
        if target.startswith("http") and not target.startswith(str(browser.base_url)):
            return answer
        answer = browser.get(target)
    return answer


@contextmanager
def serving(data: Path) -> Iterator[Serving]:
    """Serve on any port until the end of the block."""
    it = Serving(data)
    _set_up(it)
    process = subprocess.Popen(
        [*COMMAND, "serve", "--data", str(data), "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(READY_WITHIN, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
        watchdog.cancel()
        assert line.startswith("Counterfoil serves "), line
        it.issuer = line.split()[2]
        yield it
    finally:
        watchdog.cancel()
        process.terminate()
        process.communicate(timeout=20)


def _set_up(it: Serving) -> None:
    scopes = ("--scope", "notes:read=Read your notes", "--scope", "notes:write=Write notes")
    it.counterfoil("api", "add", NOTES, "--name", "Notes", *scopes)
    it.add_person()
    back = ("--redirect-uri", CALLBACK, "--post-logout-redirect-uri", GOODBYE)
    it.register("web", *back, "--scope", SCOPE)
    it.register("spa", *back, "--scope", SCOPE, "--public")
    device = ("--grant-type", "device_code", "--grant-type", "refresh_token", "--scope", SCOPE)
    it.register("tv", *device, "--public")
    it.register("box", *device)
    it.register("service", "--scope", "notes:read notes:write")
