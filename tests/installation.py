"""A whole server for tests: the real app on a real database, with a clock that can be turned."""

import html
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
from argon2 import PasswordHasher

from counterfoil.oauth import pkce
from counterfoil.server.app import App
from counterfoil.server.assembly import build
from counterfoil.server.opening import Outside
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.endings import Target, target_of_token
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.records.user import User
from counterfoil.server.settings import load
from counterfoil.server.web.answers import ANSWER
from counterfoil.server.web.server import Server
from tests.engines import settings_of

NOTES = "https://notes.example"
MAIL = "https://mail.example"
CALLBACK = "https://app.example/callback"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
QUICK: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2id at its least cost. A stored hash says itself what it costs to verify, and what ours cost
``tests/server/identity/test_passwords.py`` asks; here a thousand people sign in."""


class Clock:
    """Time that stands until a test turns it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


async def as_served(app: App, scope: Any, receive: Any, send: Any) -> None:
    """Call the app as our own server does, which takes a whole answer at once."""
    taken: list[tuple[int, Any, bytes]] = []

    def take(*answer: Any) -> bool:
        if scope["method"] == "HEAD":
            return False
        taken.append(answer)
        return True

    await app({**scope, "extensions": {ANSWER: {"answer": take}}}, receive, send)
    for status, headers, body in taken:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Installation:
    """A running server with an API, an app, a service and a person; and a browser to use it."""

    def __init__(
        self, app: App, server: Server, clock: Callable[[], float], *, remote: bool = False
    ) -> None:
        self.app = app
        self.server = server
        self.remote = remote
        self.authority = server.authority
        self.clock = clock
        self.issuer = server.authority.issuer
        self.secrets: dict[str, str] = {}
        self.user: User | None = None

    def browser(self, **options: Any) -> httpx2.AsyncClient:
        """A new browser, or any HTTP client; it keeps cookies and follows no redirect."""
        if self.remote:
            return httpx2.AsyncClient(base_url=self.issuer, **options)
        app = partial(as_served, self.app)
        transport = httpx2.ASGITransport(app, raise_app_exceptions=True)
        return httpx2.AsyncClient(transport=transport, base_url=self.issuer, **options)

    async def target_of(self, unverified: str) -> Target:
        """What somebody who pasted this token would end."""
        authority = self.authority
        return await authority.store.read(lambda tx: target_of_token(authority, tx, unverified))

    async def add_api(self, uri: str, name: str, scopes: Mapping[str, str]) -> None:
        async def work(tx: Any) -> None:
            api = Api(uri=uri, name=name, created_at=tx.now, scopes=scopes)
            await registration.add_api(tx, api, CLI)

        await self.authority.store.transact(work)

    async def set_policy(self, uri: str, **policy: Any) -> None:
        """Say what the tokens of an API are like from now on."""

        async def work(tx: Any) -> None:
            api = await tx.apis.find(uri)
            await tx.apis.update(msgspec.structs.replace(api, policy=ApiPolicy(**policy)))

        await self.authority.store.transact(work)

    async def add_client(self, client_id: str, **members: Any) -> str | None:
        """Register a client; gives (and remembers) its secret."""
        members.setdefault("client_name", client_id.title())
        members.setdefault("grant_types", ("client_credentials",))
        members.setdefault("scopes", frozenset({"notes:read", "notes:write"}))

        async def work(tx: Any) -> Any:
            client = Client(client_id=client_id, created_at=tx.now, **members)
            return await registration.add_client(tx, client, CLI, development=True)

        secret = await self.authority.store.transact(work)
        if secret is not None:
            self.secrets[client_id] = secret.reveal()
        return secret.reveal() if secret else None

    async def add_user(self, email: str = EMAIL, password: str = PASSWORD, **members: Any) -> User:
        async def work(tx: Any) -> User:
            new = registration.NewUser(email, QUICK.hash(password), **members)
            return await registration.add_user(tx, new, CLI)

        return await self.authority.store.transact(work)

    async def post(self, path: str, client_id: str, **form: Any) -> httpx2.Response:
        """Post a form to an endpoint as a confidential client (client_secret_basic)."""
        async with self.browser() as browser:
            auth = (client_id, self.secrets[client_id])
            return await browser.post(path, data=form, auth=auth)

    async def service_token(self, client_id: str = "service", **form: Any) -> str:
        """An access token for a service."""
        answer = await self.post("/token", client_id, grant_type="client_credentials", **form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


class Person:
    """A person at a browser: signs in, allows apps, takes codes back to them."""

    def __init__(
        self,
        installation: Installation,
        browser: httpx2.AsyncClient,
        email: str = EMAIL,
        user_id: str = "",
    ) -> None:
        self.installation = installation
        self.browser = browser
        self.email = email
        self.user_id = user_id or (installation.user.id if installation.user else "")
        self.verifier = ""

    def authorization_url(self, client_id: str = "app", **parameters: str) -> str:
        """A complete authorization request with a fresh PKCE pair."""
        self.verifier = urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid notes:read",
            "state": "st4te",
            "nonce": "n0nce",
            "code_challenge": pkce.challenge_of(self.verifier),
            "code_challenge_method": "S256",
        } | parameters
        return str(httpx2.URL("/authorize", params={k: v for k, v in asked.items() if v}))

    async def follow(self, response: httpx2.Response) -> httpx2.Response:
        """Follow redirects within the server; stop where they leave it."""
        while response.status_code == 303:
            target = response.headers["location"]
            if not target.startswith(("/", self.installation.issuer)):
                return response
            response = await self.browser.get(target)
        return response

    async def open(self, client_id: str = "app", **parameters: str) -> httpx2.Response:
        """Begin an authorization; gives the first page, or the redirect back to the app."""
        url = self.authorization_url(client_id, **parameters)
        return await self.follow(await self.browser.get(url))

    async def sign_in(
        self,
        page: httpx2.Response,
        email: str = "",
        password: str = PASSWORD,
        *,
        keep: bool = True,
    ) -> httpx2.Response:
        """Fill in the sign-in page, and stay signed in unless told otherwise."""
        form = hidden_fields(page.text) | {"email": email or self.email, "password": password}
        form |= {"keep": "yes"} if keep else {}
        return await self.follow(await self.browser.post("/sign-in", data=form))

    async def allow(
        self,
        page: httpx2.Response,
        *,
        permissions: list[str] | None = None,
        decision: str = "allow",
        span: str = "",
    ) -> httpx2.Response:
        """Answer the consent page; what it proposes stays unless told otherwise."""
        form: dict[str, Any] = hidden_fields(page.text) | {"decision": decision}
        form["span"] = span or span_in(page.text)
        form["permission"] = permissions if permissions is not None else permissions_in(page.text)
        return await self.follow(await self.browser.post("/consent", data=form))

    async def code(self, client_id: str = "app", **parameters: str) -> str:
        """Go the whole way to a code: sign in and allow where asked."""
        page = await self.open(client_id, **parameters)
        if page.status_code == 200 and 'name="password"' in page.text:
            page = await self.sign_in(page)
        if page.status_code == 200 and "permission" in page.text:
            page = await self.allow(page)
        assert page.status_code == 303, page.text
        return answer_of(page)["code"]

    async def tokens(self, client_id: str = "app", **parameters: str) -> dict[str, Any]:
        """Go the whole way to tokens."""
        code = await self.code(client_id, **parameters)
        answer = await self.exchange(code, client_id)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def exchange(self, code: str, client_id: str = "app", **form: str) -> httpx2.Response:
        """Exchange a code, as the app does."""
        asked = {"code": code, "code_verifier": self.verifier, "redirect_uri": CALLBACK} | form
        return await token_request(
            self.installation, client_id, grant_type="authorization_code", **asked
        )


async def token_request(installation: Installation, client_id: str, **form: str) -> httpx2.Response:
    """A request of the token endpoint by a confidential or public client."""
    if client_id in installation.secrets:
        return await installation.post("/token", client_id, **form)
    async with installation.browser() as browser:
        return await browser.post("/token", data={"client_id": client_id, **form})


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a page's first forms, permissions left out."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found if name != "permission"}


def endings_in(page: str) -> list[str]:
    """Where the verbs of an account page lead; each asks first, and ends what it names by POST."""
    return re.findall(r'href="(/account/end/[^"]+)"', page)


def permissions_in(page: str) -> list[str]:
    """The values of all permissions that a consent page offers or demands."""
    inputs = re.findall(r"<input[^>]*>", page)
    values = [re.search(r'value="([^"]*)"', each) for each in inputs if 'name="permission"' in each]
    return [html.unescape(value[1]) for value in values if value]


def span_in(page: str) -> str:
    """For how long a consent page proposes to give what it asks: what its select stands at."""
    selected = re.search(r'<option value="([^"]+)" selected>', page)
    first = re.search(r'<option value="([^"]+)"', page)
    found = selected or first
    return found[1] if found else ""


def answer_of(redirect: httpx2.Response) -> dict[str, str]:
    """The parameters that a redirect takes back to the app."""
    query = parse_qs(urlsplit(redirect.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


@asynccontextmanager
async def installed(data: Path, **settings: Any) -> AsyncIterator[Installation]:
    """A running installation with the API ``NOTES``, an app, a public app, a service and Ada."""
    clock = Clock()
    asked = {"data": str(data), **settings_of(data), **settings}
    app = build(load({}, asked), Outside(clock=clock))
    async with app.running() as server:
        installation = Installation(app, server, clock)
        await furnish(installation)
        yield installation


@asynccontextmanager
async def restarted(before: Installation, **settings: Any) -> AsyncIterator[Installation]:
    """The same installation, started again, with other settings where these are given."""
    data, clock = str(before.authority.settings.data), before.clock
    asked = {"data": data, **settings_of(data), **settings}
    app = build(load({}, asked), Outside(clock=clock))
    async with app.running() as server:
        installation = Installation(app, server, clock)
        installation.secrets, installation.user = before.secrets, before.user
        yield installation


async def furnish(installation: Installation) -> None:
    """Register the API ``NOTES``, an app, a public app, a service and Ada."""
    scopes = {"notes:read": "Read your notes", "notes:write": "Change your notes"}
    await installation.add_api(NOTES, "Notes", scopes)
    await installation.add_client("service")
    app_members = {
        "grant_types": ("authorization_code", "refresh_token"),
        "redirect_uris": (CALLBACK,),
        "post_logout_redirect_uris": ("https://app.example/bye",),
        "scopes": frozenset(
            {"openid", "profile", "email", "offline_access", "notes:read", "notes:write"}
        ),
    }
    await installation.add_client("app", **app_members)
    await installation.add_client("spa", public=True, **app_members)
    installation.user = await installation.add_user(name="Ada")
