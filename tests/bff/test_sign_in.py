"""Signing in through a window of the browser, with a word or silently."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from counterfoil.bff import BackendForFrontend, Limits, MarkerCookie, MemorySessions, Session
from counterfoil.client import AsyncClient, CacheUnusable, Entry, MemoryCache
from tests.bff.shop import ORIGIN, SESSION, App, Browser, Shop, at

pytestmark = pytest.mark.anyio
SHORT = Limits(idle=100)


def settings_of(answer: object) -> dict[str, str]:
    """The cookies that an answer sets, by name."""
    headers = answer.headers.get_list("set-cookie")
    return {header.partition("=")[0]: header for header in headers}


async def test_the_browser_gets_a_handle_and_no_token(browser: Browser):
    """S102: an id of 256 bits, in a cookie that no script can read."""
    done = await browser.sign_in()
    cookie = settings_of(done)[SESSION]
    assert re.match(rf"{SESSION}=[A-Za-z0-9_-]{{43}}; Path=/; HttpOnly; Secure;", cookie)
    assert done.headers["location"] == "/"
    assert done.headers["cache-control"] == "no-store"


async def test_a_session_survives_a_reload(app: App, browser: Browser):
    """S100: whoever has the cookie needs nothing else."""
    await browser.sign_in()
    async with app.browser() as reloaded:
        reloaded.app.cookies.set(SESSION, browser.session, domain="shop.example")
        assert (await reloaded.call("/bff/session")).json()["signed_in"] is True
        assert (await reloaded.call("/api/notes")).status_code == 200


async def test_several_tabs_sign_in_at_once(browser: Browser):
    first, second = await browser.begin("?return_to=/1"), await browser.begin("?return_to=/2")
    assert (await browser.back(second)).headers["location"] == "/2"
    assert (await browser.back(first)).headers["location"] == "/1"
    assert (await browser.call("/bff/session")).status_code == 200
    assert [name for name in browser.app.cookies if "sign-in" in name] == []


async def test_a_sign_in_that_comes_too_late_says_so(app: App, browser: Browser):
    url = await browser.begin("?return_to=/orders")
    app.clock.ahead = 601
    assert (await browser.back(url)).headers["location"] == "/?sign_in_error=not_begun_here"


async def test_a_refusal_is_told_to_the_page(browser: Browser):
    url = await browser.begin("?return_to=/orders?page=2")
    state = parse_qs(urlsplit(url).query)["state"][0]
    issuer = str(browser.server.base_url).rstrip("/")
    answer = await browser.app.get(
        "/bff/callback", params={"state": state, "error": "access_denied", "iss": issuer}
    )
    assert answer.headers["location"] == "/orders?page=2&sign_in_error=access_denied"
    assert browser.session == ""


async def test_a_server_that_is_away_is_told_to_the_page():
    client = AsyncClient("http://127.0.0.1:9", "shop", "s", redirect_uri=f"{ORIGIN}/bff/callback")
    bff = BackendForFrontend(client, {})
    async with at(bff) as browser:
        answer = await browser.get("/bff/sign-in?return_to=/a")
    assert answer.headers["location"] == "/a?sign_in_error=server_unreachable"
    await bff.aclose()


async def test_who_returns_is_signed_in_without_a_click(shop: Shop):
    """S113: the session here is over, the one at the server is not: it is asked, and welcomes."""
    async with shop.app(limits=SHORT) as app, app.browser() as browser:
        await browser.sign_in()
        app.clock.ahead = 101
        told = (await browser.call("/bff/session")).json()
        assert told["signed_in"] is False
        assert told["silent"] is True
        url = await browser.begin("?silent=1&return_to=/orders")
        assert parse_qs(urlsplit(url).query)["prompt"] == ["none"]
        answer = await browser.app.get(browser.server.get(url).headers["location"])
        assert answer.headers["location"] == "/orders"
        assert (await browser.call("/bff/session")).json()["name"] == "Ada"


async def test_a_silent_try_that_fails_is_quiet_and_the_only_one(app: App):
    """S113: nobody runs in circles."""
    async with app.strange_browser() as browser:
        url = await browser.begin("?silent=1&return_to=/orders")
        at_server = browser.server.get(url)
        assert "login_required" in at_server.headers["location"]
        answer = await browser.app.get(at_server.headers["location"])
        assert answer.headers["location"] == "/orders"
        assert (await browser.call("/bff/session")).json()["silent"] is False
        assert await browser.begin("?silent=1&return_to=/orders") == "/orders"
        assert (await browser.begin("?return_to=/")).startswith(app.shop.server.issuer)


async def test_sessions_that_do_not_last_are_not_asked_for_in_circles(shop: Shop):
    """S113: several processes with a store each; the server says yes every time."""

    class Elsewhere(MemorySessions):
        async def find(self, key: str) -> Session | None:
            return None

    async with shop.app(sessions=Elsewhere()) as app, app.browser() as browser:
        await browser.sign_in()
        assert (await browser.call("/bff/session")).json()["silent"] is True
        await browser.sign_in("?silent=1")
        assert (await browser.call("/bff/session")).json()["silent"] is False


async def test_a_silent_sign_in_that_lasts_may_be_followed_by_another(shop: Shop):
    async with shop.app(limits=SHORT) as app, app.browser() as browser:
        await browser.sign_in()
        for times in (1, 2):
            app.clock.ahead = 101 * times
            assert (await browser.call("/bff/session")).json()["silent"] is True
            await browser.sign_in("?silent=1")
            assert (await browser.call("/bff/session")).json()["signed_in"] is True


async def test_tokens_that_cannot_be_kept_are_told_to_the_page(shop: Shop):
    class Full(MemoryCache):
        def write(self, entry: Entry, content: bytes) -> None:
            raise CacheUnusable("no space is left")

    async with shop.app(cache=Full()) as app, app.browser() as browser:
        answer = await browser.sign_in("?return_to=/orders")
        assert answer.headers["location"] == "/orders?sign_in_error=token_unavailable"
        assert browser.session == ""


async def test_who_signed_out_is_not_signed_in_silently(browser: Browser):
    await browser.sign_in()
    await browser.call("/bff/sign-out", "POST")
    assert (await browser.call("/bff/session")).json()["silent"] is False
    assert await browser.begin("?silent=1") == "/"


async def test_a_marker_tells_sibling_sites_and_goes_with_the_session(shop: Shop):
    """S101: set at sign-in, removed at sign-out, and where the session has gone meanwhile."""
    options = {"marker": MarkerCookie("shop.example"), "limits": SHORT}
    async with shop.app(**options) as app, app.browser() as browser:
        marker = settings_of(await browser.sign_in())["signed_in"]
        assert marker == "signed_in=1; Domain=shop.example; Path=/; SameSite=Lax; Secure"
        assert "signed_in" not in settings_of(await browser.call("/bff/session"))
        app.clock.ahead = 101
        gone = await browser.call("/bff/session")
        assert "Max-Age=0" in settings_of(gone)["signed_in"]
        assert "signed_in" in settings_of(await browser.sign_in())
        out = await browser.call("/bff/sign-out", "POST")
        assert "Max-Age=0" in settings_of(out)["signed_in"]


async def test_a_marker_that_a_sibling_removed_comes_back(shop: Shop):
    async with shop.app(marker=MarkerCookie("shop.example")) as app, app.browser() as browser:
        await browser.sign_in()
        browser.app.cookies.delete("signed_in")
        assert "signed_in" in settings_of(await browser.call("/bff/session"))
