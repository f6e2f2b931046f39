"""A server under measurement, whoever wrote it: where it is asked what, and by whom."""

import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Struct

from bench.http_session import Answer, HttpSession
from bench.seeding import AUDIENCE, CALLBACK, SCOPE, Registered, pkce_pair
from bench.server import Running
from tests.postgres import Postgres

EMAIL: Final = "ada@example.com"
_REDIRECTS_MOST: Final = 10


class Paths(Struct, frozen=True):
    """Where a server answers. ``besides``: what it wants in the query of ``authorize``."""

    authorize: str
    token: str
    introspection: str
    besides: str = ""


class Clients(Struct, frozen=True):
    """A service that asks for JWTs, one whose tokens are introspected, and an app."""

    service: Registered
    opaque: Registered
    app: Registered


class Site(Struct, frozen=True):
    """A server that runs, with its clients. ``kind`` is that of its access tokens."""

    server: Running
    paths: Paths
    clients: Clients
    sign_in: Callable[["Site"], HttpSession]
    kind: str = "jwt"
    scope: str = SCOPE
    app_scope: str = f"openid {SCOPE}"

    @property
    def request(self) -> str:
        """The authorization request, without ``state`` and ``code_challenge``."""
        asked = {
            "response_type": "code",
            "client_id": self.clients.app.client_id,
            "redirect_uri": CALLBACK,
            "scope": self.app_scope,
            "code_challenge_method": "S256",
        }
        besides = f"&{self.paths.besides}" if self.paths.besides else ""
        return f"{self.paths.authorize}?{urlencode(asked)}{besides}"

    def exchange(self, code: str, verifier: str) -> Answer:
        """Take a code to the token endpoint."""
        form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ]
        return self.ask(self.paths.token, form, self.clients.app)

    def refresh(self, token: str) -> Answer:
        """Ask for new tokens."""
        form = [("grant_type", "refresh_token"), ("refresh_token", token)]
        return self.ask(self.paths.token, form, self.clients.app)

    def issue(self, client: Registered) -> Answer:
        """Ask for a token with client credentials."""
        form = [("grant_type", "client_credentials"), ("scope", self.scope)]
        return self.ask(self.paths.token, form, client)

    def introspect(self, token: str) -> Answer:
        """Ask about a token."""
        return self.ask(self.paths.introspection, [("token", token)], self.clients.opaque)

    def ask(self, path: str, form: list[tuple[str, str]], client: Registered) -> Answer:
        """Send a form as a client."""
        session = HttpSession(self.server.port)
        try:
            return session.post(path, form, client.authorization)
        finally:
            session.close()


class Peer(Protocol):
    """Somebody's server, in one configuration."""

    @property
    def key(self) -> str:
        """Its name in the file of results."""

    @property
    def title(self) -> str:
        """Its name for people."""

    @property
    def settings(self) -> str:
        """How it was set up."""

    @property
    def on_postgres(self) -> bool:
        """Whether it keeps its records there."""

    def missing(self) -> str:
        """Say what is not here that it needs, or nothing."""

    def running(self, folder: Path, database: Postgres) -> AbstractContextManager[Site]:
        """Run it on a folder of its own."""


class Setup(Struct, frozen=True):
    """What a peer's own program is told, as a file of JSON."""

    port: int
    clients: Clients
    sqlite: str = ""
    synchronous: str = "FULL"
    postgres: Mapping[str, str] = {}

    def written(self, folder: Path) -> Path:
        """Write the file."""
        document = {
            "port": self.port,
            "callback": CALLBACK,
            "audience": AUDIENCE,
            "scope": SCOPE,
            "email": EMAIL,
            "sqlite": self.sqlite,
            "synchronous": self.synchronous,
            "postgres": self.postgres,
            "service": self.clients.service,
            "opaque": self.clients.opaque,
            "app": self.clients.app,
        }
        path = folder / "setup.json"
        path.write_bytes(msgspec.json.encode(document))
        return path


def let_in(path: str) -> Callable[[Site], HttpSession]:
    """Sign in where the peer's program lets in whoever comes to this path, and allow the app."""

    def sign_in(site: Site) -> HttpSession:
        browser = HttpSession(site.server.port)
        if path:
            browser.get(path)
        code_from(site, browser, pkce_pair()[1])
        return browser

    return sign_in


def clients() -> Clients:
    """Make up clients; their secrets are random."""
    made = [Registered(name, secrets.token_urlsafe(32)) for name in ("service", "opaque", "app")]
    return Clients(*made)


def code_from(site: Site, browser: HttpSession, challenge: str) -> str:
    """Send the browser to ask for a code, through whatever it is led to, and give the code."""
    path = f"{site.request}&state=1&code_challenge={challenge}"
    answer = browser.get(path)
    for _ in range(_REDIRECTS_MOST):
        if answer.location.startswith(CALLBACK):
            given = parse_qs(urlsplit(answer.location).query)
            if "code" not in given:
                break
            return given["code"][0]
        split = urlsplit(answer.location)
        path = f"{split.path}?{split.query}" if split.query else split.path
        if not path:
            break
        answer = browser.get(path)
    sys.exit(f"!! bench: no code came: {answer}")


def member(answer: Answer, name: str) -> str:
    """Give a member of a document that must have come."""
    if answer.status != 200:
        raise LookupError(f"{answer.status} {answer.body[:200]}")
    document: dict[str, object] = msgspec.json.decode(answer.body)
    return str(document[name])


def refresh_tokens(site: Site, browser: HttpSession, number: int) -> list[str]:
    """Begin so many families, each by a whole code flow, and give their refresh tokens."""
    browser.close()  # a server hangs up on idle connections; this one opens anew
    tokens = [_refresh_token(site, browser) for _ in range(number)]
    browser.close()
    return tokens


def _refresh_token(site: Site, browser: HttpSession) -> str:
    verifier, challenge = pkce_pair()
    return member(site.exchange(code_from(site, browser, challenge), verifier), "refresh_token")
