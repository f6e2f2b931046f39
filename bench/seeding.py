"""An API, its clients and a person who is signed in and has allowed the app; tokens and families.

All of it comes about through the command line and the pages, as with a real installation.
"""

import hashlib
import html
import re
import secrets
import sys
from base64 import b64encode, urlsafe_b64encode
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Struct

from bench.http_session import Answer, HttpSession
from bench.server import Installation

AUDIENCE: Final = "https://notes.example"
SCOPE: Final = "notes:read"
REGISTRY_AUDIENCE: Final = "https://ledger.example"
REGISTRY_SCOPE: Final = "ledger:read"
"""An API that keeps a registry of its tokens, to be measured beside one that does not."""
CALLBACK: Final = "https://app.example/callback"
_EMAIL: Final = "ada@example.com"


class Registered(Struct, frozen=True):
    """A client as its own requests name it."""

    client_id: str
    secret: str

    @property
    def authorization(self) -> str:
        """The ``Authorization`` header."""
        return "Basic " + b64encode(f"{self.client_id}:{self.secret}".encode()).decode()


class Seeded(Struct, frozen=True):
    """What there is before the measuring begins. ``service`` may introspect every token."""

    service: Registered
    app: Registered
    browser: HttpSession

    @property
    def query(self) -> str:
        """The query of ``/authorize``, without ``state`` and ``code_challenge``."""
        return urlencode(
            {
                "response_type": "code",
                "client_id": self.app.client_id,
                "redirect_uri": CALLBACK,
                "scope": f"openid {SCOPE}",
                "code_challenge_method": "S256",
            }
        )


def seed(installation: Installation, port: int) -> Seeded:
    """Make two APIs, a service, an app and a person who has allowed the app."""
    installation.run("api", "add", AUDIENCE, "--name", "Notes", "--scope", f"{SCOPE}=Read notes")
    registry = ("--scope", f"{REGISTRY_SCOPE}=Read the ledger", "--policy", "registry=true")
    installation.run("api", "add", REGISTRY_AUDIENCE, "--name", "Ledger", *registry)
    scopes = f"{SCOPE} {REGISTRY_SCOPE} introspect spend_allowances mint"
    types = ("--grant-type", "client_credentials", "--grant-type", "token-exchange")
    service = _client(installation, "service", *types, "--scope", scopes)
    app = _client(installation, "app", "--redirect-uri", CALLBACK, "--scope", f"openid {SCOPE}")
    password = secrets.token_urlsafe(12)
    link = str(installation.run("user", "add", _EMAIL)["link"])
    installation.run("user", "claim", link, "--password-stdin", stdin=password)
    seeded = Seeded(service, app, HttpSession(port))
    _allow(seeded, password)
    return seeded


def _client(installation: Installation, name: str, *options: str) -> Registered:
    document = installation.run("client", "add", name, *options)
    return Registered(str(document["client_id"]), str(document["client_secret"]))


def _allow(seeded: Seeded, password: str) -> None:
    """Sign in and consent, page by page."""
    browser = seeded.browser
    _, challenge = pkce_pair()
    answer = browser.get(f"/authorize?{seeded.query}&code_challenge={challenge}")
    page = browser.get(answer.location)
    answer = browser.post("/sign-in", [*_hidden(page), ("email", _EMAIL), ("password", password)])
    page = browser.get(browser.get(answer.location).location)
    permissions = [("permission", value) for value in _permissions(page)]
    answer = browser.post("/consent", [*_hidden(page), *permissions, ("decision", "allow")])
    if not answer.location.startswith(CALLBACK):
        sys.exit(f"!! bench: signing in did not lead back to the app: {answer}")


def _hidden(page: Answer) -> list[tuple[str, str]]:
    found = dict(re.findall(r'name="(csrf|flow)" value="([^"]*)"', page.body))
    return [(name, html.unescape(value)) for name, value in found.items()]


def _permissions(page: Answer) -> list[str]:
    return [html.unescape(v) for v in re.findall(r'name="permission" value="([^"]*)"', page.body)]


def pkce_pair() -> tuple[str, str]:
    """Give a code_verifier and its code_challenge (RFC 7636 §4)."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, urlsafe_b64encode(digest).rstrip(b"=").decode()


def access_tokens(
    seeded: Seeded, port: int, number: int, scope: str = SCOPE, **narrowing: str
) -> list[str]:
    """Get so many access tokens with client credentials."""
    session = HttpSession(port)
    form = [("grant_type", "client_credentials"), ("scope", scope), *narrowing.items()]
    answers = [session.post("/token", form, seeded.service.authorization) for _ in range(number)]
    session.close()
    return [_member(answer, "access_token") for answer in answers]


def refresh_tokens(seeded: Seeded, number: int) -> list[str]:
    """Begin so many families, each by a whole code flow, and give their refresh tokens."""
    seeded.browser.close()  # the server hangs up on idle connections; this one opens anew
    return [_refresh_token(seeded) for _ in range(number)]


def _refresh_token(seeded: Seeded) -> str:
    verifier, challenge = pkce_pair()
    answer = seeded.browser.get(f"/authorize?{seeded.query}&code_challenge={challenge}")
    code = parse_qs(urlsplit(answer.location).query)["code"][0]
    form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ]
    answer = seeded.browser.post("/token", form, seeded.app.authorization)
    return _member(answer, "refresh_token")


def _member(answer: Answer, name: str) -> str:
    if answer.status != 200:
        sys.exit(f"!! bench: {answer}")
    document: dict[str, object] = msgspec.json.decode(answer.body)
    return str(document[name])
