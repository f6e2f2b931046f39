"""Calls go on to the API, and answers come back."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from counterfoil.bff import Upstream
from counterfoil.client import DpopKey
from tests.bff.shop import BACK, SCOPE, App, Browser
from tests.interop.serving import NOTES

pytestmark = pytest.mark.anyio


async def test_a_call_goes_on_with_the_token_and_without_the_cookie(app: App, browser: Browser):
    """S102."""
    await browser.sign_in()
    odd = app.shop.odd
    answer = await browser.call(
        "/odd/a/b?c=1&d=%2F",
        "PUT",
        content=b"x" * 10,
        headers={"Authorization": "Bearer mine", "Accept": "a/b", "Content-Type": "c/d"},
    )
    assert answer.content == b"odd"
    assert odd.seen[-1]["method"] == "PUT"
    assert odd.seen[-1]["raw_path"] == b"/a/b"
    assert odd.seen[-1]["query_string"] == b"c=1&d=%2F"
    assert odd.bodies[-1] == b"x" * 10
    assert odd.header("authorization") not in (None, "Bearer mine")
    assert odd.header("cookie") is None
    assert odd.header("host") == odd_host(app)
    assert (odd.header("accept"), odd.header("content-type")) == ("a/b", "c/d")
    names = {name for name, _ in odd.seen[-1]["headers"]}
    assert names <= {
        *(b"host", b"authorization", b"accept", b"content-type", b"content-length"),
        *(b"user-agent", b"accept-encoding"),
    }


def odd_host(app: App) -> str:
    return app.shop.odd_url.removeprefix("http://")


async def test_a_long_body_passes_piece_by_piece(app: App, browser: Browser):
    await browser.sign_in()

    async def pieces():
        for _ in range(40):
            yield b"z" * 10_000

    assert (await browser.call("/odd/", "POST", content=pieces())).status_code == 200
    assert app.shop.odd.bodies[-1] == b"z" * 400_000
    assert app.shop.odd.header("transfer-encoding") == "chunked"
    whole = b"y" * 300_000
    assert (await browser.call("/odd/", "POST", content=whole)).status_code == 200
    assert app.shop.odd.bodies[-1] == whole
    assert app.shop.odd.header("content-length") == "300000"


async def test_an_answer_comes_back_as_it_is(app: App, browser: Browser):
    await browser.sign_in()
    odd = app.shop.odd
    odd.pieces = [b"a" * 100_000] * 5
    odd.headers = [(b"content-type", b"x/y"), (b"etag", b'"1"'), (b"set-cookie", b"a=b")]
    odd.status = 418
    answer = await browser.call("/odd/")
    assert answer.status_code == 418
    assert len(answer.content) == 500_000
    assert answer.headers["content-type"] == "x/y"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


async def test_a_token_that_ended_is_replaced_and_the_call_made_once_more(
    app: App, browser: Browser
):
    """The guard refuses it; the person notices nothing."""
    await browser.sign_in()
    assert (await browser.call("/api/notes")).status_code == 200
    custody = app.bff._setup.custody
    session = await custody.find(browser.session)
    assert session is not None
    before = await custody.tokens(session)
    await app.bff._setup.client.revoke(before.access_token)
    await app.until_refused(before)
    text = {"text": "once more"}
    assert (await browser.call("/api/notes", "POST", json=text)).status_code == 201
    assert (await custody.tokens(session)).access_token != before.access_token


async def test_what_ended_at_the_server_ends_the_session_here(app: App, browser: Browser):
    """The API refuses, the server gives no other token: the page is told to sign in."""
    await browser.sign_in()
    assert (await browser.call("/api/notes")).status_code == 200
    await app.end_at_server(browser)
    answer = await browser.call("/api/notes")
    assert (answer.status_code, answer.json()["error"]) == (401, "signed_out")
    assert (await browser.call("/bff/session")).status_code == 401


async def test_an_api_that_refuses_fresh_tokens_signs_nobody_out(app: App, browser: Browser):
    """Or the person would sign in for ever."""
    await browser.sign_in()
    odd = app.shop.odd
    odd.status, odd.headers = 401, [(b"www-authenticate", b'Bearer error="invalid_token"')]
    before = len(odd.seen)
    answer = await browser.call("/odd/")
    assert (answer.status_code, answer.json()["error"]) == (502, "token_refused")
    assert len(odd.seen) == before + 2
    assert (await browser.call("/bff/session")).status_code == 200


async def test_a_token_is_refused_by_whichever_challenge_says_so(app: App, browser: Browser):
    """RFC 9110 §11.6.1: a header that comes twice is one list."""
    await browser.sign_in()
    odd = app.shop.odd
    challenges = (b'Bearer error="invalid_token"', b'Basic realm="x"')
    odd.status, odd.headers = 401, [(b"www-authenticate", each) for each in challenges]
    before = len(odd.seen)
    assert (await browser.call("/odd/")).status_code == 502
    assert len(odd.seen) == before + 2


async def test_a_redirect_to_nowhere_is_an_answer(app: App, browser: Browser):
    await browser.sign_in()
    app.shop.odd.status = 300
    answer = await browser.call("/odd/")
    assert (answer.status_code, answer.content) == (300, b"odd")


async def test_a_long_body_is_not_kept_for_a_second_call(app: App, browser: Browser):
    """The token is renewed, and the page sends it again."""
    await browser.sign_in()
    odd = app.shop.odd
    odd.status, odd.headers = 401, [(b"www-authenticate", b'Bearer error="invalid_token"')]
    before = len(odd.seen)
    answer = await browser.call("/odd/", "POST", content=b"x" * 200_000)
    assert (answer.status_code, answer.json()["error"]) == (503, "try_again")
    assert len(odd.seen) == before + 1


async def test_a_401_of_the_apis_own_renews_nothing(app: App, browser: Browser):
    """Or every such call would cost a refresh."""
    await browser.sign_in()
    odd = app.shop.odd
    odd.status, odd.headers = 401, [(b"www-authenticate", b"Basic")]
    custody = app.bff._setup.custody
    session = await custody.find(browser.session)
    assert session is not None
    before = await custody.tokens(session)
    for content in (b"x", b"x" * 200_000):
        answer = await browser.call("/odd/", "POST", content=content)
        assert (answer.status_code, answer.json()["error"]) == (502, "token_refused")
    assert await custody.tokens(session) == before


async def test_a_redirect_within_the_api_is_one_within_the_app(app: App, browser: Browser):
    await browser.sign_in()
    odd = app.shop.odd
    odd.status, odd.headers = 303, [(b"location", app.shop.odd_url.encode() + b"/new?a=1")]
    answer = await browser.call("/odd/old")
    assert (answer.status_code, answer.headers["location"]) == (303, "/odd/new?a=1")


async def test_each_api_gets_tokens_of_its_own(app: App):
    """And none gets one that is good at another."""
    mail = "https://mail.example"
    server = app.shop.server
    server.counterfoil("api", "add", mail, "--name", "Mail", "--scope", "mail:read=Read your mail")
    server.register("both", *BACK, "--scope", f"{SCOPE} mail:read")
    apis = {
        "/notes": Upstream(url=app.shop.odd_url, resource=NOTES),
        "/mail": Upstream(url=app.shop.odd_url, resource=mail),
    }
    both = app.shop.app("both", apis=apis, scope=f"{SCOPE} mail:read")
    async with both as other, other.browser() as person:
        await person.sign_in()
        for path, audience in (("/notes", NOTES), ("/mail", mail), ("/notes", NOTES)):
            assert (await person.call(path)).status_code == 200
            assert claims_of(app.shop.odd.header("authorization"))["aud"] == audience


def claims_of(authorization: str | None) -> dict[str, Any]:
    payload = (authorization or "").split(".")[1]
    return dict(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


async def test_tokens_may_be_bound_to_a_key_of_the_backend(app: App):
    """RFC 9449: what leaks from it all the same is of no use elsewhere."""
    async with app.shop.app(dpop_key=DpopKey.in_memory()) as other, other.browser() as person:
        await person.sign_in()
        assert (await person.call("/api/notes")).status_code == 200
        written = await person.call("/api/notes", "POST", json={"text": "Bound"})
        assert written.status_code == 201
        await person.call("/odd/")
        assert (app.shop.odd.header("authorization") or "").startswith("DPoP ")
        assert app.shop.odd.header("dpop")


async def test_an_api_that_is_not_there_is_named_so(app: App, browser: Browser):
    apis = {"/gone": Upstream(url="http://127.0.0.1:9")}
    async with app.shop.app(apis=apis) as other, other.browser() as person:
        await person.sign_in()
        answer = await person.call("/gone/x")
        assert (answer.status_code, answer.json()["error"]) == (502, "api_unreachable")
