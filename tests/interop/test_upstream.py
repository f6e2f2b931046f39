"""People come in by a provider that is not ours: npm oidc-provider, as its documentation has it."""

import html
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from tests.coming import buttons_in
from tests.installation import hidden_fields
from tests.interop.serving import Serving, serving
from tests.ports import free_port

pytestmark = pytest.mark.npm
HERE = Path(__file__).parent
SECRET = "a-secret-of-some-length: +%"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERFOIL_REGISTRATION", "open")
        with serving(tmp_path_factory.mktemp("upstream") / "data") as it:
            yield it


@pytest.fixture(scope="module")
def theirs(ours: Serving) -> Iterator[str]:
    """Their server, and ours told of it by the command line."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    redirect_uri = f"{ours.issuer}/sign-in/from/theirs"
    with subprocess.Popen(
        ["node", HERE / "upstream_provider.mjs", str(port), redirect_uri],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        named = ("--id", "theirs", "--name", "Theirs", "--issuer", issuer, "--client-id", "us")
        believed = ("--policy", "silent=true", "--policy", "trusts_email=true")
        added = ("provider", "add", "oidc", *named, "--secret-stdin", *believed)
        ours.counterfoil(*added, given=SECRET)
        yield issuer
        process.kill()


class Visitor:
    """Somebody at a browser that goes between both servers."""

    def __init__(self, ours: Serving, name: str) -> None:
        self.ours, self.name = ours, name
        self.browser = httpx2.Client(trust_env=False)
        self.asked: list[str] = []

    def get(self, path: str) -> httpx2.Response:
        return self.follow(self.browser.get(urljoin(self.ours.issuer, path)))

    def follow(self, answer: httpx2.Response) -> httpx2.Response:
        while answer.status_code in {302, 303}:
            answer = self.browser.get(urljoin(str(answer.url), answer.headers["location"]))
        return answer

    def come(self, path: str = "/sign-in") -> httpx2.Response:
        """Take the button, and answer whatever they ask."""
        page = self.get(path)
        way = buttons_in(page.text)["Sign in with Theirs"]
        page = self.get(way)
        while "/interaction/" in str(page.url):
            form = hidden_fields(page.text)
            self.asked.append(form["prompt"])
            action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
            assert action is not None, page.text
            if form["prompt"] == "login":
                form |= {"login": self.name, "password": "whatever"}
            target = urljoin(str(page.url), html.unescape(action[1]))
            page = self.follow(self.browser.post(target, data=form))
        return page

    def forget_session(self) -> None:
        for cookie in list(self.browser.cookies.jar):
            if cookie.name.endswith("counterfoil_session"):
                self.browser.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)


@contextmanager
def visiting(ours: Serving, name: str) -> Iterator[Visitor]:
    visitor = Visitor(ours, name)
    with visitor.browser:
        yield visitor


def people(ours: Serving) -> dict[str, bool]:
    found = json.loads(ours.counterfoil("user", "list", "--json"))["users"]
    return {each["email"]: each["email_verified"] for each in found}


def test_the_whole_way_to_an_account_and_out_of_it(ours: Serving, theirs: str):
    """S112, S105: in, anew before something grave, and never without their password there."""
    with visiting(ours, "grace") as visitor:
        _come_and_go(ours, visitor)


def _come_and_go(ours: Serving, visitor: Visitor) -> None:
    page = visitor.come()
    assert str(page.url) == f"{ours.issuer}/account/apps", page.text
    assert visitor.asked == ["login", "consent"]
    assert people(ours)["grace@example.com"] is True
    assert "grace@example.com" in visitor.get("/account/providers").text
    page = visitor.come("/sign-in?next=delete")
    assert visitor.asked[2:] == ["login"]
    form = hidden_fields(page.text) | {"email": "grace@example.com"}
    gone = visitor.browser.post(f"{ours.issuer}/account/delete", data=form)
    assert gone.status_code == 200, gone.text
    assert "grace@example.com" not in people(ours)


def test_who_returns_is_signed_in_without_a_click(ours: Serving, theirs: str):
    """S113: by their own session over there."""
    with visiting(ours, "ada.l") as visitor:
        _return(ours, visitor)


def _return(ours: Serving, visitor: Visitor) -> None:
    visitor.come()
    visitor.forget_session()
    page = visitor.get("/sign-in")
    assert str(page.url) == f"{ours.issuer}/account/apps", page.text
    visitor.forget_session()
    for cookie in list(visitor.browser.cookies.jar):
        if cookie.name.startswith("_session"):
            visitor.browser.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
    page = visitor.get("/sign-in")
    assert "/sign-in?said=quiet" in str(page.url)
    assert buttons_in(page.text)
