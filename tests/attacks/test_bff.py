"""Attacks on a backend-for-frontend: by other sites, siblings, its API, its own visitors."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from counterfoil.bff import MemorySessions, Upstream
from counterfoil.bff.attempts import MOST
from counterfoil.bff.custody import MOST_AT_ONCE
from counterfoil.net.relay import AT_ONCE
from tests.attacks.wire import PATIENCE, Answer, Sent
from tests.bff.shop import ORIGIN, OWN, SESSION, App, Browser, OddApi, Shop, listening, opened
from tests.interop.serving import serving

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("about the backend of an app")]
EVIL = "https://evil.example"
TOKEN_WORDS = ("cfrt_", "cfat_", "cfac_", "eyJ")
"""How the server's tokens and codes, and every JWT, begin."""


@pytest.fixture(scope="module")
def shop(on_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as server, opened(server) as it:
        yield it


@pytest.fixture(scope="module")
async def usual_app(shop: Shop) -> AsyncIterator[App]:
    async with shop.app() as it:
        yield it


@pytest.fixture
def app(usual_app: App) -> App:
    usual_app.shop.odd.be_usual()
    return usual_app


@pytest.fixture
async def victim(app: App) -> AsyncIterator[Browser]:
    """Somebody who is signed in."""
    async with app.browser() as browser:
        await browser.sign_in()
        yield browser


@pytest.fixture
async def attacker(app: App) -> AsyncIterator[Browser]:
    async with app.browser() as browser:
        yield browser


async def raw(app: App, sent: Sent, browser: Browser | None = None) -> Answer:
    """Send what no browser would, with a browser's session, and stay until it is answered."""
    headers = [(name.lower().encode(), value.encode()) for name, value in OWN.items()]
    if browser is not None:
        headers.append((b"cookie", f"{SESSION}={browser.session}".encode()))
    scope = {
        "type": "http",
        "method": sent.method,
        "path": sent.path,
        "raw_path": sent.path.encode(),
        "query_string": sent.query,
        "headers": [*headers, *sent.headers],
    }
    told: list[Any] = []
    waiting = [{"type": "http.request", "body": sent.body, "more_body": False}]

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop()

    async def take(message: Any) -> None:
        told.append(message)

    await asyncio.wait_for(app.bff(scope, receive, take), PATIENCE)
    assert app.shop.odd.breaks_off == told[-1].get("more_body", False)
    body = b"".join(message.get("body", b"") for message in told[1:])
    return Answer(told[0]["status"], list(told[0]["headers"]), body)


# Other sites.


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "X-Counterfoil-BFF": "1"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "X-Counterfoil-BFF": "1"},
        {"Origin": ORIGIN},
        {"X-Counterfoil-BFF": "1"},
        {},
    ],
)
async def test_no_other_site_acts_for_a_person(app: App, victim: Browser, headers: dict[str, str]):
    """S103: by form, by fetch, from a sibling; even where the browser sent the cookie along."""
    form = {"text": "Buy evil"}
    for path in ("/api/notes", "/odd/", "/bff/sign-out"):
        answer = await victim.app.post(path, data=form, headers=headers)
        assert answer.status_code == 403
    seen = len(app.shop.odd.seen)
    assert (await victim.app.get("/odd/delete?all=1", headers=headers)).status_code in (403, 200)
    assert len(app.shop.odd.seen) <= seen + (headers == {"X-Counterfoil-BFF": "1"})
    assert (await victim.call("/bff/session")).status_code == 200


async def test_a_preflight_is_granted_to_nobody(victim: Browser):
    headers = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    headers["Access-Control-Request-Headers"] = "x-counterfoil-bff"
    for path in ("/api/notes", "/bff/sign-out", "/bff/session"):
        answer = await victim.app.options(path, headers=headers)
        assert not answer.is_success
        assert [name for name in answer.headers if name.startswith("access-control")] == []


async def test_a_link_or_an_image_gets_nothing(app: App, victim: Browser):
    seen = len(app.shop.odd.seen)
    for destination in ("document", "image", "script", "iframe"):
        headers = {"Sec-Fetch-Dest": destination, "Sec-Fetch-Site": "cross-site"}
        assert (await victim.app.get("/odd/", headers=headers)).status_code == 403
        assert (await victim.app.get("/bff/session", headers=headers)).status_code == 403
    assert len(app.shop.odd.seen) == seen


@pytest.mark.parametrize("elsewhere", [EVIL, "//evil.example", "/\\evil.example", "/%0d/evil"])
async def test_a_sign_in_leads_to_no_other_site(attacker: Browser, elsewhere: str):
    """S103: an open redirect would lend this app's name to a fraud."""
    done = await attacker.sign_in(f"?return_to={elsewhere}")
    assert done.headers["location"] == "/"
    assert (
        (await attacker.app.get("/bff/callback?return_to=//evil.example"))
        .headers["location"]
        .startswith("/?sign_in_error=")
    )


async def test_nobody_signs_in_within_a_frame(attacker: Browser):
    for path in ("/bff/sign-in?silent=1", "/bff/callback?state=x&code=y"):
        answer = await attacker.app.get(path, headers={"Sec-Fetch-Dest": "iframe"})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


# Sign-ins.


async def test_a_planted_session_is_worth_nothing_after_the_sign_in(app: App, attacker: Browser):
    """Session fixation: the id is new."""
    planted = "A" * 43
    async with app.browser() as victim:
        victim.app.cookies.set(SESSION, planted, domain="shop.example")
        await victim.sign_in()
        assert planted not in (cookie.value for cookie in victim.app.cookies.jar)
    attacker.app.cookies.set(SESSION, planted, domain="shop.example")
    assert (await attacker.call("/bff/session")).status_code == 401


async def test_nobody_is_signed_in_as_the_attacker(app: App, attacker: Browser):
    """Login CSRF: what the attacker began, another browser does not finish."""
    callback = await attacker.callback(await attacker.begin())
    async with app.browser() as victim:
        answer = await victim.app.get(callback)
        assert answer.headers["location"] == "/?sign_in_error=not_begun_here"
        assert victim.session == ""
        await victim.begin()
        assert (await victim.app.get(callback)).headers["location"].startswith("/?sign_in_error")
        assert victim.session == ""
    assert (await attacker.app.get(callback)).headers["location"] == "/"


async def test_a_stolen_code_is_of_no_use_in_another_sign_in(app: App, attacker: Browser):
    """Code injection (RFC 9700 §4.5): the code of one, the state of another."""
    async with app.browser() as victim:
        stolen = await victim.callback(await victim.begin())
        own = await attacker.callback(await attacker.begin())
        injected = own.replace(code_of(own), code_of(stolen))
        answer = await attacker.app.get(injected)
        assert "sign_in_error=" in answer.headers["location"]
        assert attacker.session == ""


def code_of(callback: str) -> str:
    return callback.partition("code=")[2].partition("&")[0]


async def test_the_way_back_to_the_callback_is_harmless(app: App, victim: Browser):
    """A replayed code would end the session at the server: it never gets there."""
    url = await victim.begin()
    held = {cookie.name: cookie.value for cookie in victim.app.cookies.jar}
    callback = await victim.callback(url)
    assert (await victim.app.get(callback)).headers["location"] == "/"
    again = await victim.app.get(callback)
    assert again.headers["location"] == "/?sign_in_error=not_begun_here"
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in held.items())}
    answers = [await victim.app.get(callback, headers=headers) for _ in range(3)]
    assert {answer.headers["location"] for answer in answers} == {"/"}
    assert all(SESSION not in answer.headers["set-cookie"] for answer in answers)
    custody = app.bff._setup.custody
    session = await custody.find(victim.session)
    assert session is not None
    before = await custody.tokens(session)
    assert await custody.tokens(session, refused=before.access_token) != before


async def test_the_same_callback_twice_at_once_is_one_sign_in(app: App, attacker: Browser):
    callback = await attacker.callback(await attacker.begin())
    held = [f"{cookie.name}={cookie.value}" for cookie in attacker.app.cookies.jar]
    calls = [attacker.app.get(callback, headers={"Cookie": "; ".join(held)}) for _ in range(5)]
    answers = await asyncio.gather(*calls)
    assert {answer.headers["location"] for answer in answers} == {"/"}
    assert sum(SESSION in answer.headers["set-cookie"] for answer in answers) == 1
    assert (await attacker.call("/api/notes")).status_code == 200


async def test_visitors_who_only_begin_cost_no_memory(shop: Shop):
    """A flood of them fills nothing, and one browser holds few cookies."""
    store = MemorySessions()
    async with shop.app(sessions=store) as app, app.browser() as crowd:
        for _ in range(30):
            await crowd.begin()
            assert (await crowd.app.get("/bff/callback?state=x&code=y")).status_code == 303
        held = [cookie for cookie in crowd.app.cookies.jar if "sign-in" in cookie.name]
        assert len(held) <= MOST
        assert sum(len(cookie.value or "") for cookie in held) < 3000
        assert (len(store._sessions), len(store._taken)) == (0, 0)
        assert app.bff._setup.custody._holders == {}


# Siblings.


@pytest.mark.parametrize("cookie", ["{name}=evil; {name}={own}", "{name}={own}; {name}=evil"])
async def test_a_tossed_cookie_takes_nobodys_place(app: App, victim: Browser, cookie: str):
    """A sibling cannot set a __Host- cookie; where two come all the same, none counts."""
    value = cookie.format(name=SESSION, own=victim.session)
    answer = await raw(app, Sent(path="/bff/session", headers=[(b"cookie", value.encode())]))
    assert answer.status == 401


async def test_a_cookie_without_the_prefix_is_not_ours(app: App, victim: Browser):
    for prefix in ("", "insecure-", "__host-", "__Secure-"):
        value = f"{prefix}bff-session={victim.session}".encode()
        answer = await raw(app, Sent(path="/bff/session", headers=[(b"cookie", value)]))
        assert answer.status == 401


@pytest.mark.parametrize("space", [b"\xa0", b"\x85", b"\x0b", b"\x0c", b"\x1c"])
async def test_a_name_behind_a_strange_space_is_not_ours(app: App, victim: Browser, space: bytes):
    """A sibling may set it, for it has no prefix that the browser knows; and it must not put the
    true one in doubt either."""
    tossed = space + f"{SESSION}={victim.session}".encode()
    answer = await raw(app, Sent(path="/bff/session", headers=[(b"cookie", tossed)]))
    assert answer.status == 401
    headers = [(b"cookie", space + f"{SESSION}=evil".encode())]
    assert (await raw(app, Sent(path="/bff/session", headers=headers), victim)).status == 200


# The API, and the way to it.


async def test_an_api_that_redirects_elsewhere_gets_the_token_nowhere(app: App, victim: Browser):
    other = OddApi()
    with listening(other, lifespan="off") as port:
        place = f"http://127.0.0.1:{port}/collect".encode()
        for status in (301, 302, 303, 307, 308):
            app.shop.odd.status, app.shop.odd.headers = status, [(b"location", place)]
            answer = await victim.call("/odd/", "POST", content=b"x")
            assert (answer.status_code, answer.json()["error"]) == (502, "redirect_refused")
            assert str(port) not in answer.text + str(answer.headers)
    assert other.seen == []


async def test_an_api_cannot_touch_the_browser(app: App, victim: Browser):
    """Its cookies, its doors to other origins, its page with a script."""
    app.shop.odd.headers = [
        (b"set-cookie", f"{SESSION}=evil; Path=/; Secure".encode()),
        (b"clear-site-data", b'"cookies"'),
        (b"access-control-allow-origin", b"*"),
        (b"service-worker-allowed", b"/"),
        (b"content-type", b"text/html"),
        (b"cache-control", b"public, max-age=9999"),
    ]
    app.shop.odd.pieces = [b"<script>steal()</script>"]
    held = victim.session
    answer = await victim.call("/odd/")
    assert victim.session == held
    assert "clear-site-data" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    assert "service-worker-allowed" not in answer.headers
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        *("/odd/../secret", "/odd/%2e%2e/secret", "/odd/..%2fsecret", "/odd/..;/secret"),
        *("/odd//secret", "/odd/%5c..%5csecret", "/odd/%252e%252e/secret", "/odd\\..\\secret"),
        *("http://127.0.0.1:1/odd/", "//127.0.0.1:1/odd/", "/odd@127.0.0.1:1/", "/odd:80/x"),
        *("/odd/\x00", "/odd/a\r\nHost: evil", "/ODD/x", "/oddity", "/x/../odd/secret"),
    ],
)
async def test_no_path_leads_out_of_its_api(app: App, victim: Browser, path: str):
    """Traversal, disguised slashes, absolute addresses (SSRF)."""
    seen = len(app.shop.odd.seen)
    answer = await raw(app, Sent(path=path), victim)
    assert answer.status in (400, 404)
    assert len(app.shop.odd.seen) == seen


async def test_the_host_that_a_request_names_is_nothing_to_us(app: App, victim: Browser):
    """SSRF: where a call goes stands in the setup."""
    headers = [
        (b"host", b"169.254.169.254"),
        (b"x-forwarded-host", b"evil.example"),
        (b"forwarded", b"host=evil.example"),
    ]
    answer = await raw(app, Sent(path="/odd/", headers=headers), victim)
    assert answer.status == 200
    assert app.shop.odd.header("host") == app.shop.odd_url.removeprefix("http://")
    assert app.shop.odd.header("x-forwarded-host") is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"4"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"4"), (b"content-length", b"44")],
        [(b"content-length", b"4, 4")],
        [(b"transfer-encoding", b"chunked, identity")],
        [(b"accept", b"a\r\nx-admin: 1")],
        [(b"content-type", b"a\x00b")],
    ],
)
async def test_no_request_is_smuggled(app: App, victim: Browser, headers: Any):
    seen = len(app.shop.odd.seen)
    sent = Sent("POST", "/odd/", headers=headers, body=b"GET ")
    assert (await raw(app, sent, victim)).status == 400
    assert len(app.shop.odd.seen) == seen


async def test_a_body_is_no_longer_than_allowed(shop: Shop):
    apis = {"/odd": Upstream(url=shop.odd_url, longest_body=100_000)}
    shop.odd.be_usual()
    async with shop.app(apis=apis) as app, app.browser() as person:
        await person.sign_in()
        seen = len(shop.odd.bodies)
        assert (await person.call("/odd/", "POST", content=b"x" * 100_001)).status_code == 413

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 30_000

        assert (await person.call("/odd/", "POST", content=endless())).status_code == 413
        assert len(shop.odd.bodies) == seen


async def test_an_api_that_never_answers_holds_nobody(shop: Shop):
    apis = {"/odd": Upstream(url=shop.odd_url, patience=0.3)}
    shop.odd.be_usual()
    async with shop.app(apis=apis) as app, app.browser() as person:
        await person.sign_in()
        shop.odd.is_silent = True
        answer = await person.call("/odd/")
        assert (answer.status_code, answer.json()["error"]) == (504, "api_silent")
        assert app.bff._setup.custody._under_way == {}


async def test_half_an_answer_is_not_passed_off_as_a_whole_one(app: App, victim: Browser):
    """Whoever cuts the line to the API decides nothing; the browser sees that it was cut."""
    app.shop.odd.breaks_off = True
    answer = await raw(app, Sent(path="/odd/"), victim)
    assert (answer.status, answer.body) == (200, b"odd")
    assert app.bff._setup.custody._under_way == {}


async def test_a_browser_that_leaves_frees_the_connection(app: App, victim: Browser):
    """Or one person could hold all connections to an API."""
    app.shop.odd.is_silent = True
    app.shop.odd.left.clear()
    app.shop.odd.asked.clear()
    scope = {"type": "http", "method": "GET", "path": "/odd/", "raw_path": b"/odd/"}
    headers = [(name.lower().encode(), value.encode()) for name, value in OWN.items()]
    headers.append((b"cookie", f"{SESSION}={victim.session}".encode()))
    told: list[Any] = []
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if waiting:
            return waiting.pop()
        assert await asyncio.to_thread(app.shop.odd.asked.wait, 30)
        return {"type": "http.disconnect"}

    async def take(message: Any) -> None:
        told.append(message)

    serving = app.bff({**scope, "headers": headers, "query_string": b""}, receive, take)
    await asyncio.wait_for(serving, 30)
    assert told == []
    assert await asyncio.to_thread(app.shop.odd.left.wait, 30)
    assert app.bff._setup.custody._under_way == {}


async def test_a_browser_that_takes_no_answer_is_left(shop: Shop):
    """It would hold a connection to the API for as long as it likes."""
    apis = {"/odd": Upstream(url=shop.odd_url, patience=0.3)}
    shop.odd.be_usual()
    async with shop.app(apis=apis) as app, app.browser() as person:
        await person.sign_in()
        headers = [(name.lower().encode(), value.encode()) for name, value in OWN.items()]
        headers.append((b"cookie", f"{SESSION}={person.session}".encode()))
        scope = {"type": "http", "method": "GET", "path": "/odd/", "raw_path": b"/odd/"}
        waiting = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if not waiting:
                await asyncio.Event().wait()
            return waiting.pop()

        async def take(message: Any) -> None:
            await asyncio.Event().wait()

        serving = app.bff({**scope, "headers": headers, "query_string": b""}, receive, take)
        await asyncio.wait_for(serving, 30)
        assert app.bff._setup.custody._under_way == {}


async def test_one_person_never_takes_all_connections(app: App, victim: Browser):
    """However many sessions they have."""
    custody = app.bff._setup.custody
    session = await custody.find(victim.session)
    assert session is not None
    async with app.browser() as second:
        await second.sign_in()
        with ExitStack() as stack:
            for _ in range(MOST_AT_ONCE):
                stack.enter_context(custody.under_way(session))
            assert (await second.call("/odd/")).status_code == 429
    assert MOST_AT_ONCE * 5 < AT_ONCE


# What anybody learns.


async def test_two_people_never_get_each_others_answers(app: App, victim: Browser):
    async with app.browser() as other:
        await other.sign_in()
        answers = await asyncio.gather(*[who.call("/odd/") for who in (victim, other) * 5])
    assert {answer.status_code for answer in answers} == {200}
    custody = app.bff._setup.custody
    own = {
        (await custody.tokens(await custody.find(who.session))).access_token
        for who in (victim, other)
    }
    shown = [dict(scope["headers"])[b"authorization"].decode() for scope in app.shop.odd.seen[-10:]]
    assert {each.partition(" ")[2] for each in shown} == own
    assert len(own) == 2


async def test_neither_the_log_nor_any_answer_shows_a_secret(
    shop: Shop, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, logger="counterfoil")
    seen = ""
    async with shop.app() as app, app.browser() as person:
        url = await person.begin("?return_to=/orders")
        callback = await person.callback(url)
        for answer in (
            await person.app.get(callback),
            await person.call("/bff/session"),
            await person.call("/api/notes"),
            await person.call("/bff/sign-out", "POST"),
            await person.call("/api/notes"),
            await person.app.get(callback.replace("code=", "code=x")),
        ):
            seen += answer.text + str(answer.headers)
        told = [
            record.getMessage() for record in caplog.records if record.name == "counterfoil.bff"
        ]
        session = person.session or "none"
    for word in TOKEN_WORDS:
        assert word not in seen
        assert word not in " ".join(told)
    assert session not in " ".join(told)
