"""A single-page app in a real Chromium, over TLS, with siblings and strangers beside it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from examples.bff.app import SCOPE, Setup, notes_spa, pages
from tests.bff.certificate import certificate_for
from tests.bff.shop import Shop, listening, opened
from tests.browser.conftest import ARGUMENTS
from tests.conftest import CHROMIUM
from tests.interop.serving import EMAIL, PASSWORD, serving
from tests.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PATIENCE = 30_000
SECRETS = re.compile(r"cf(?:rt|at|cs|se)_[A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]{8,}")
"""The server's tokens and secrets, and every JWT."""


@dataclass
class Sites:
    """Where everything is: the app, the marketing site beside it, a bad sibling, a stranger."""

    shop: Shop
    app: str
    marketing: str
    sibling: str
    stranger: str
    known: list[Any] = field(default_factory=list)
    """The server's cookies of who has signed in there: nobody needs to do so for each test."""


ATTACK = """<!doctype html><title>Evil</title>
<form id=f method=post action="{app}/bff/sign-out"><input name=a></form>
<script>
async function attempt() {{
  const tried = [];
  const options = {{method: "POST", credentials: "include", headers: {{"X-Counterfoil-BFF": "1"}}}};
  for (const [path, way] of [["/bff/sign-out", options], ["/bff/sign-out",
      {{method: "POST", credentials: "include", mode: "no-cors"}}],
      ["/bff/session", {{credentials: "include"}}]]) {{
    try {{ tried.push((await fetch("{app}" + path, way)).type); }}
    catch (error) {{ tried.push("failed"); }}
  }}
  return tried;
}}
</script>"""


def evil(app: str) -> Starlette:
    async def page(_: Any) -> HTMLResponse:
        return HTMLResponse(ATTACK.format(app=app))

    async def toss(_: Any) -> HTMLResponse:
        answer = HTMLResponse("tossed")
        for name in ("__Host-bff-session", "bff-session"):
            cookie = f"{name}=evil; Domain=shop.test; Path=/; Secure"
            answer.headers.append("set-cookie", cookie)
        return answer

    return Starlette(routes=[Route("/", page), Route("/toss", toss)])


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    names = ("shop.test", "app.shop.test", "evil.shop.test", "evil.test")
    tls = certificate_for(tmp_path_factory.mktemp("tls"), *names)
    port = free_port()
    app = f"https://app.shop.test:{port}"
    with (
        serving(tmp_path_factory.mktemp("serving") / "data") as server,
        opened(server) as shop,
    ):
        back = ("--redirect-uri", f"{app}/bff/callback", "--post-logout-redirect-uri", f"{app}/")
        server.register("spa-app", *back, "--scope", SCOPE)
        secret = server.secrets["spa-app"]
        spa = notes_spa(Setup(server.issuer, "spa-app", secret, app, shop.notes, "shop.test"))
        # The marketing site finds the app by its own name, so both have the same port.
        both = Hosts({"app.shop.test": spa, "shop.test": pages("marketing")})
        with listening(both, port=port, **tls), listening(evil(app), **tls) as other:
            yield Sites(
                shop,
                app,
                f"https://shop.test:{port}",
                f"https://evil.shop.test:{other}",
                f"https://evil.test:{other}",
            )


class Hosts:
    """Several sites at one port, by the name that is asked for."""

    def __init__(self, sites: dict[str, Any]) -> None:
        self._sites = sites

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        host = dict(scope.get("headers", ())).get(b"host", b"app.shop.test").decode()
        await self._sites[host.partition(":")[0]](scope, receive, send)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    names = "--host-resolver-rules=MAP *.test 127.0.0.1, MAP shop.test 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, names])
        yield browser
        browser.close()


@dataclass
class Person:
    """Somebody at the app, and all that their browser ever saw."""

    sites: Sites
    context: BrowserContext
    seen: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def tab(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("response", self._see)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _see(self, response: Any) -> None:
        if response.url.startswith(self.sites.app):
            self.seen += [response.url, str(response.headers_array())]

    def sign_in(self, page: Page) -> None:
        page.goto(self.sites.app)
        page.get_by_role("link", name="Sign in").click()
        password = page.get_by_label("Password")
        allow = page.get_by_role("button", name="Allow", exact=True)
        name = page.locator("#name")
        expect(password.or_(allow).or_(name)).to_be_visible(timeout=PATIENCE)
        if password.count():
            page.get_by_label("Email").fill(EMAIL)
            password.fill(PASSWORD)
            page.get_by_role("button", name="Sign in", exact=True).click()
            expect(allow.or_(name)).to_be_visible(timeout=PATIENCE)
        if allow.count():
            allow.click()
        self.sees_notes(page)
        self.sites.known[:] = self.context.cookies(self.sites.shop.server.issuer)

    def sees_notes(self, page: Page) -> None:
        expect(page.locator("#name")).to_have_text("Ada", timeout=PATIENCE)
        expect(page.locator("#notes li").first).to_be_visible(timeout=PATIENCE)

    def sees_sign_in(self, page: Page) -> None:
        expect(page.get_by_role("link", name="Sign in")).to_be_visible(timeout=PATIENCE)

    def cookies(self) -> dict[str, Any]:
        return {cookie["name"]: cookie for cookie in self.context.cookies(self.sites.app)}


@pytest.fixture
def person(sites: Sites, chromium: Browser) -> Iterator[Person]:
    context = chromium.new_context(ignore_https_errors=True)
    context.add_cookies(sites.known)
    yield Person(sites, context)
    context.close()


STORAGE = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"


def test_an_app_in_the_browser_without_a_token_in_it(person: Person):
    """S100, S102: sign in, call, reload, two tabs, sign out; and no token anywhere."""
    page = person.tab()
    person.sign_in(page)
    page.get_by_label("A new note").fill("Buy milk")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#notes")).to_contain_text("Buy milk", timeout=PATIENCE)
    page.reload()
    person.sees_notes(page)
    other = person.tab()
    other.goto(person.sites.app)
    person.sees_notes(other)
    seen = [*person.seen, page.content(), page.evaluate(STORAGE), str(person.cookies())]
    assert page.evaluate("document.cookie") == "signed_in=1"
    page.get_by_role("button", name="Sign out").click()
    person.sees_sign_in(page)
    other.get_by_label("A new note").fill("Too late")
    other.get_by_role("button", name="Add it").click()
    expect(other.get_by_role("alert")).to_have_text("You are signed out.", timeout=PATIENCE)
    assert len(person.seen) > 20
    assert SECRETS.findall(" ".join([*seen, *person.seen])) == []
    assert [text for text in person.complaints if "status of 401" not in text] == []


def test_the_page_holds_what_people_write_and_says_an_error_once(person: Person):
    page = person.tab()
    person.sign_in(page)
    page.set_viewport_size({"width": 360, "height": 700})
    page.get_by_label("A new note").fill("M" * 200)
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#notes")).to_contain_text("MMM", timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="Sign out").click()
    there = page.get_by_role("link", name="sign out of the server too")
    expect(there).to_have_attribute("href", re.compile("/logout\\?client_id="), timeout=PATIENCE)
    page.goto(f"{person.sites.app}/bff/callback?state=x&code=y")
    expect(page.get_by_role("alert")).to_contain_text("did not begin", timeout=PATIENCE)
    page.reload()
    person.sees_sign_in(page)
    expect(page.get_by_role("alert")).to_be_empty()


def test_every_cookie_is_as_it_is_said(person: Person):
    """S102, S103: by the browser's own account."""
    person.sign_in(person.tab())
    cookies = person.cookies()
    session = cookies["__Host-bff-session"]
    assert (session["httpOnly"], session["secure"], session["sameSite"]) == (True, True, "Strict")
    assert session["domain"] == "app.shop.test"
    assert cookies["signed_in"]["domain"] == ".shop.test"
    assert {name for name in cookies if name.startswith("__Host-")} == {
        "__Host-bff-session",
        "__Host-bff-welcome",
    }


def test_what_ends_on_the_servers_account_page_ends_here(person: Person):
    """The next call says that the person is signed out."""
    page = person.tab()
    person.sign_in(page)
    account = person.tab()
    account.goto(person.sites.shop.server.issuer)
    account.get_by_role("button", name="Sign out").first.click()
    account.goto(f"{person.sites.shop.server.issuer}/account/apps")
    expect(account.get_by_label("Password")).to_be_visible(timeout=PATIENCE)
    person.sites.known.clear()
    page.get_by_label("A new note").fill("Too late")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_have_text("You are signed out.", timeout=PATIENCE)


def test_who_returns_is_welcomed_without_a_click(person: Person):
    """S113: the app's session is gone, the server still knows them."""
    page = person.tab()
    person.sign_in(page)
    person.context.clear_cookies(name="__Host-bff-session")
    page.goto(person.sites.app)
    person.sees_notes(page)
    person.context.clear_cookies(name="__Host-bff-session")
    person.context.clear_cookies(name=re.compile("counterfoil"))
    page.goto(person.sites.app)
    person.sees_sign_in(page)


def test_the_marketing_site_sends_who_is_signed_in_to_the_app(person: Person):
    """S101: by the marker; and where the session has gone, the app falls back to sign-in."""
    page = person.tab()
    page.goto(person.sites.marketing)
    expect(page.get_by_role("heading")).to_have_text("Notes, for everybody")
    person.sign_in(page)
    page.goto(person.sites.marketing)
    person.sees_notes(page)
    assert page.url.startswith(person.sites.app)
    person.context.clear_cookies(name=re.compile("__Host-|counterfoil"))
    page.goto(person.sites.marketing)
    person.sees_sign_in(page)
    assert page.url.startswith(person.sites.app)
    assert "signed_in" not in person.cookies()
    page.goto(person.sites.marketing)
    expect(page.get_by_role("heading")).to_have_text("Notes, for everybody")


def test_no_other_site_signs_a_person_out_or_reads_who_they_are(person: Person):
    """S103: by fetch with and without the header, and by a form; from a stranger and a sibling."""
    page = person.tab()
    person.sign_in(page)
    for site in (person.sites.stranger, person.sites.sibling):
        attack = person.tab()
        attack.goto(site)
        # The second is sent, without our header, and refused; the answer may not be used.
        assert attack.evaluate("attempt()") == ["failed", "failed", "failed"]
        with attack.expect_navigation():
            attack.evaluate("document.getElementById('f').submit()")
        assert "not_own_script" in attack.content()
    page.reload()
    person.sees_notes(page)


def test_a_sibling_tosses_no_cookie(person: Person):
    """The browser itself refuses it."""
    page = person.tab()
    person.sign_in(page)
    held = person.cookies()["__Host-bff-session"]["value"]
    attack = person.tab()
    attack.goto(f"{person.sites.sibling}/toss")
    assert person.cookies()["__Host-bff-session"]["value"] == held
    assert person.cookies()["bff-session"]["value"] == "evil"
    page.reload()
    person.sees_notes(page)


def test_an_answer_of_the_app_is_in_no_cache(sites: Sites):
    with httpx2.Client(verify=False, trust_env=False) as browser:
        answer = browser.get(
            f"https://127.0.0.1:{sites.app.rpartition(':')[2]}/bff/session",
            headers={"Host": "app.shop.test", "X-Counterfoil-BFF": "1"},
        )
    assert (answer.status_code, answer.headers["cache-control"]) == (401, "no-store")
