"""Two servers of one PostgreSQL behind nginx: a browser, an app and a guard never notice which."""

import base64
import http.client
import json
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from counterfoil.guard import Guard, Rejected
from counterfoil.oauth import pkce
from counterfoil.oauth.reasons import Reason
from tests.cli.conftest import API, EMAIL, PASSWORD, Installation
from tests.cli.test_serve import SCRIPT, serving
from tests.nginx import Proxy, proxying
from tests.ports import free_port
from tests.postgres import TEMPLATE, Postgres

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.nginx]

VERIFIER = "v" * 43


class App(BaseHTTPRequestHandler):
    """What the browser comes back to."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"arrived")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Cluster:
    """The proxy, the app that is registered there, and HTTP as the app speaks it."""

    def __init__(self, proxy: Proxy, app: dict[str, Any]) -> None:
        self.callback = app["redirect_uris"][0]
        self.proxy = proxy
        self.client_id, self._secret = app["client_id"], app["client_secret"]

    def sign_in_url(self) -> str:
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": "openid offline_access notes:read",
            "code_challenge": pkce.challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return f"{self.proxy.url}/authorize?{urllib.parse.urlencode(asked)}"

    def post(self, path: str, **form: str) -> dict[str, str]:
        basic = base64.b64encode(f"{self.client_id}:{self._secret}".encode()).decode()
        headers = {
            "authorization": f"Basic {basic}",
            "content-type": "application/x-www-form-urlencoded",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=30)
        connection.request("POST", path, urllib.parse.urlencode(form), headers)
        answer = connection.getresponse()
        document: dict[str, str] = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, document
        return document


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres
) -> Iterator[Cluster]:
    name = postgres_server.create(TEMPLATE)
    folder = tmp_path_factory.mktemp("cluster")
    with ThreadingHTTPServer(("127.0.0.1", 0), App) as app:
        threading.Thread(target=app.serve_forever).start()
        callback = f"http://127.0.0.1:{app.server_port}/callback"
        try:
            with running(folder, postgres_server.url(name), callback) as it:
                yield it
        finally:
            app.shutdown()
    postgres_server.drop(name)


@contextmanager
def running(folder: Path, database: str, callback: str) -> Iterator[Cluster]:
    there = Installation(folder / "data")

    def counterfoil(*arguments: str, stdin: str = "") -> str:
        # Programs of their own: Playwright holds the event loop of this one.
        located = ("--data", there.data, "--database", database)
        command = [SCRIPT, *arguments, *located]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=True
        ).stdout

    counterfoil("api", "add", API, "--scope", "notes:read=Read your notes")
    link = json.loads(counterfoil("user", "add", EMAIL, "--json"))["link"]
    counterfoil("user", "claim", link, "--password-stdin", stdin=PASSWORD)
    registered = (
        "--redirect-uri",
        callback,
        "--scope",
        "openid offline_access notes:read",
        "--json",
    )
    app = json.loads(counterfoil("client", "add", "Notes", *registered))
    port = free_port()
    (there.data / "counterfoil.toml").write_text('trusted_proxies = ["127.0.0.1"]\n')
    asked = ("--database", database, "--issuer", f"http://127.0.0.1:{port}")
    with serving(there, *asked) as one, serving(there, *asked) as other:
        (folder / "nginx").mkdir()
        with proxying(folder / "nginx", port, (one.port, other.port)) as proxy:
            yield Cluster(proxy, app)


def sign_in(page: Page) -> None:
    expect(page.locator("[autofocus]")).to_be_focused()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def code_at(page: Page, cluster: Cluster) -> str:
    page.goto(cluster.sign_in_url())
    sign_in(page)
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_text("arrived")).to_be_visible()
    return urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["code"][0]


def test_nobody_notices_which_server_answers(chromium: Browser, cluster: Cluster):
    """S92, S115: each request goes to the next server, in the midst of every flow."""
    page = chromium.new_context().new_page()
    tokens = cluster.post(
        "/token",
        grant_type="authorization_code",
        code=code_at(page, cluster),
        redirect_uri=cluster.callback,
        code_verifier=VERIFIER,
    )
    with Guard(cluster.proxy.url, audience=API) as guard:
        assert guard.wait_until_fresh(20)
        for _ in range(6):
            tokens = cluster.post(
                "/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
            )
            assert guard.check(tokens["access_token"]).scopes >= {"notes:read"}
            # Twice, for with two requests in turn each kind would go to the same server always.
            said = [cluster.post("/introspect", token=tokens["access_token"]) for _ in range(2)]
            assert [each["active"] for each in said] == [True] * 2
        page.goto(f"{cluster.proxy.url}/account/apps")
        page.locator("summary").first.click()
        page.get_by_role("link", name="Remove this app").click()
        page.get_by_role("button", name="Remove this app").click()
        expect(page.get_by_text("1 session of an app ended.")).to_be_visible()
        # Asked at once, at either server, and at a guard that hangs on one of the two.
        said = [cluster.post("/introspect", token=tokens["access_token"]) for _ in range(4)]
        assert [each["active"] for each in said] == [False] * 4
        assert guard._follower.wait_until(lambda: refused(guard, tokens["access_token"]), 20)
    for path in ("/token", "/introspect"):
        assert sorted(cluster.proxy.answered(path).values())[0] >= 3, path
    served = [cluster.proxy.answered(path) for path in ("/sign-in", "/consent", "/account/apps")]
    assert len(set().union(*served)) == 2


def refused(guard: Guard, token: str) -> bool:
    try:
        guard.check(token)
    except Rejected as rejected:
        return rejected.reason is Reason.REVOKED
    return False
