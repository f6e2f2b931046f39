"""Misusing what a browser is remembered by: copied, planted, shown again, shown elsewhere (S24)."""

import asyncio
from copy import copy
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.server.identity.remembering import MOST, RETRY_WINDOW, remember
from counterfoil.server.protocol.noticing.doubting import doubt
from tests.coming import add_provider, come, is_in
from tests.flows.test_remembered_browsers import (
    COOKIE,
    DAY,
    SESSION,
    SILENT,
    ada,
    comes_back,
    kinds,
    set_client_policy,
    signed_in,
)
from tests.installation import Installation, Person, hidden_fields, installed, restarted
from tests.recoveries import send_all
from tests.second_factors import enrol, half, show
from tests.upstreams import Upstream, upstream

pytestmark = pytest.mark.anyio

BROWSER = "counterfoil_browser"
LATER = 8 * DAY


def copied(person: Person, *names: str, at: Installation | None = None) -> httpx2.AsyncClient:
    """Another browser, with a copy of these cookies."""
    other = (at or person.installation).browser()
    for cookie in person.browser.cookies.jar:
        if cookie.name in names:
            other.cookies.jar.set_cookie(copy(cookie))
    return other


async def remembered(person: Person) -> list[Any]:
    store = person.installation.authority.store
    return list(await store.read(lambda tx: tx.remembered_browsers.of_user(person.user_id)))


async def live_sessions(person: Person) -> list[Any]:
    store = person.installation.authority.store
    now = int(person.installation.clock())
    found = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
    return [each for each in found if each.is_live(now, 7 * DAY)]


async def test_a_copy_in_another_browser_opens_nothing_and_ends_it(tmp_path: Any) -> None:
    """It is bound to the browser: the cookie alone is a sign that it was copied."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        async with copied(person, COOKIE) as thief:
            first = await thief.get("/sign-in")
            assert 'name="password"' in first.text, "it has no name yet, and is given one"
            page = await thief.get("/sign-in")
            assert 'name="password"' in page.text
            assert person.email not in page.text, "nor does it tell whose it was"
            assert SESSION not in thief.cookies
        assert await remembered(person) == []
        assert await live_sessions(person) == []
        assert "remembered_reused" in await kinds(person.installation)


async def test_a_thief_after_the_owner_is_noticed_and_all_of_it_ends(tmp_path: Any) -> None:
    async with ada(tmp_path) as person:
        await signed_in(person)
        thief = copied(person, COOKIE, BROWSER)
        person.installation.clock.turn(LATER)
        tokens = await person.tokens()
        person.installation.clock.turn(RETRY_WINDOW)
        async with thief:
            page = await thief.get("/sign-in")
            assert "used somewhere else, or a second time" in page.text
            assert SESSION not in thief.cookies
        assert await live_sessions(person) == []
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answer = await person.installation.post("/token", "app", **form)
        assert answer.json()["error"] == "invalid_grant", "apps in the session that it got too"
        assert 'name="password"' in (await comes_back(person)).text


async def test_a_thief_before_the_owner_is_noticed_when_the_owner_comes(tmp_path: Any) -> None:
    """S24: whoever came first is out."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        thief = copied(person, COOKIE, BROWSER)
        person.installation.clock.turn(LATER)
        async with thief:
            assert (await thief.get("/sign-in")).status_code == 303
            assert (await thief.get("/account/apps")).status_code == 200
            person.installation.clock.turn(RETRY_WINDOW)
            page = await comes_back(person)
            assert "used somewhere else, or a second time" in page.text
            assert (await thief.get("/account/apps")).status_code == 303, "the thief is out"
            assert 'name="password"' in (await thief.get("/sign-in")).text


@pytest.mark.one_engine("what is decided asks no engine")
@pytest.mark.parametrize("way", ["signs in", "signs out"])
async def test_a_thief_before_the_owner_is_out_though_the_page_was_open_already(
    tmp_path: Any, way: str
) -> None:
    """An old value is noticed too where somebody signs in with it, or out."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        opened = await person.browser.get("/sign-in")
        form = hidden_fields((await person.browser.get("/account/apps")).text)
        thief = copied(person, COOKIE, BROWSER)
        person.installation.clock.turn(LATER)
        async with thief:
            assert (await thief.get("/sign-in")).status_code == 303
            person.installation.clock.turn(RETRY_WINDOW)
            if way == "signs in":
                assert "No apps yet" in (await person.sign_in(opened)).text
                assert "remembered_reused" in await kinds(person.installation)
            else:
                await person.browser.post("/account/sign-out", data=form)
            assert (await thief.get("/account/apps")).status_code == 303


@pytest.mark.one_engine("what is decided asks no engine")
async def test_the_owner_is_told_by_mail(tmp_path: Any) -> None:
    async with ada(tmp_path) as person:
        await signed_in(person)
        thief = copied(person, COOKIE, BROWSER)
        person.installation.clock.turn(LATER)
        await comes_back(person)
        person.installation.clock.turn(RETRY_WINDOW)
        async with thief:
            await thief.get("/sign-in")
        await send_all(person.installation)
        catcher = person.installation.server.catcher
        assert catcher is not None
        assert [each["Subject"] for each in catcher.caught] == [
            "A browser is not remembered any more"
        ]


async def test_two_tabs_at_once_and_a_lost_answer_sign_nobody_out(tmp_path: Any) -> None:
    """S24: all get the same session and the same next value, whichever answer comes last."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        tabs = [copied(person, COOKIE, BROWSER) for _ in range(3)]
        person.installation.clock.turn(LATER)
        answers = await asyncio.gather(*(tab.get("/sign-in") for tab in tabs))
        assert [each.status_code for each in answers] == [303, 303, 303]
        assert len({tab.cookies[COOKIE] for tab in tabs}) == 1
        assert len({tab.cookies[SESSION] for tab in tabs}) == 1
        assert len(await live_sessions(person)) == 1
        person.installation.clock.turn(RETRY_WINDOW - 1)
        assert "No apps yet" in (await comes_back(person)).text, "the answer was lost, then"
        for tab in tabs:
            assert (await tab.get("/account/apps")).status_code == 200
            await tab.aclose()


@pytest.mark.one_engine("what is decided asks no engine")
async def test_a_value_two_before_is_never_a_lost_answer(tmp_path: Any) -> None:
    async with ada(tmp_path) as person:
        await signed_in(person)
        thief = copied(person, COOKIE, BROWSER)
        person.installation.clock.turn(LATER)
        for _ in range(2):
            assert "No apps yet" in (await comes_back(person)).text
            person.browser.cookies.delete(SESSION)
        async with thief:
            assert "a second time" in (await thief.get("/sign-in")).text


@pytest.mark.one_engine("what is decided asks no engine")
async def test_it_opens_nothing_but_the_sign_in_page(tmp_path: Any) -> None:
    """S24: it is no credential, not for pages, nor for an app's request, nor for an API."""
    async with ada(tmp_path) as person:
        await person.tokens()
        value = person.browser.cookies[COOKIE]
        person.installation.clock.turn(LATER)
        for path in ("/account/apps", "/account/devices", "/account/security"):
            answer = await person.browser.get(path)
            assert answer.headers["location"] == "/sign-in"
        silent = await person.browser.get(person.authorization_url(prompt="none"))
        assert "error=login_required" in silent.headers["location"]
        assert person.browser.cookies[COOKIE] == value, "nothing was used up"
        async with person.installation.browser() as other:
            for name in (SESSION, BROWSER):
                answer = await other.get("/account/apps", headers={"cookie": f"{name}={value}"})
                assert answer.status_code == 303
            bearer = {"authorization": f"Bearer {value}"}
            assert (await other.get("/userinfo", headers=bearer)).status_code == 401
        told = await person.installation.post("/introspect", "service", token=value)
        assert told.json() == {"active": False}


@pytest.mark.one_engine("what is decided asks no engine")
async def test_nobody_else_is_pushed_into_the_browser(tmp_path: Any) -> None:
    """Login CSRF: a planted cookie is of another browser, and signs nobody in."""
    async with ada(tmp_path) as person, person.installation.browser() as mallory:
        place = person.installation
        evil = await place.add_user("mallory@example.com")
        await signed_in(Person(place, mallory, evil.email, evil.id))
        async with place.browser() as victim:
            await victim.get("/sign-in")
            [planted] = [each for each in mallory.cookies.jar if each.name == COOKIE]
            victim.cookies.jar.set_cookie(copy(planted))
            page = await victim.get("/sign-in")
            assert 'name="password"' in page.text
            assert "mallory" not in page.text
            assert SESSION not in victim.cookies


@pytest.mark.one_engine("what is decided asks no engine")
async def test_after_a_sign_out_in_another_tab_nothing_is_opened(tmp_path: Any) -> None:
    async with ada(tmp_path) as person:
        await signed_in(person)
        tab = copied(person, COOKIE, BROWSER, SESSION)
        form = hidden_fields((await person.browser.get("/account/apps")).text)
        await person.browser.post("/account/sign-out", data=form)
        async with tab:
            answer = await Person(person.installation, tab).follow(await tab.get("/account/apps"))
            assert 'name="password"' in answer.text
            assert "Welcome back" not in answer.text


@pytest.mark.one_engine("what is decided asks no engine")
async def test_of_two_people_at_one_browser_the_last_counts(tmp_path: Any) -> None:
    """Whoever signs in without the tick does not leave the one before behind."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        place = person.installation
        grace = await place.add_user("grace@example.com")
        other = Person(place, person.browser, grace.email, grace.id)
        await signed_in(other, keep=False)
        assert await remembered(person) == []
        place.clock.turn(LATER)
        assert "Welcome back" not in (await comes_back(person)).text
        assert (
            SESSION not in person.browser.cookies
            or (await person.browser.get("/account/apps")).status_code == 303
        )


@pytest.mark.one_engine("what is decided asks no engine")
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "3600"}, {"acr_values": "mfa"}])
async def test_what_asks_for_a_fresh_or_stronger_sign_in_still_does(
    tmp_path: Any, asked: dict[str, str]
) -> None:
    async with ada(tmp_path) as person:
        await person.tokens()
        person.installation.clock.turn(LATER)
        page = await person.open(**asked)
        assert page.status_code == 200 or "unmet_authentication" in page.headers["location"]
        assert "code=" not in page.headers.get("location", "")
        await comes_back(person)
        answer = await person.open(**asked)
        assert "code=" not in answer.headers.get("location", ""), "nor by the session it opened"


@pytest.mark.one_engine("what is decided asks no engine")
async def test_daily_proof_and_the_age_of_a_sign_in_hold(tmp_path: Any) -> None:
    """S30, S32: nothing goes round in circles either."""
    async with ada(tmp_path, reproof_interval=DAY) as person:
        await signed_in(person)
        person.installation.clock.turn(DAY)
        page = await comes_back(person)
        assert 'name="password"' in page.text
        assert "Welcome back" in page.text
    async with ada(
        tmp_path / "age", refresh_absolute_lifetime=5 * DAY, refresh_idle_lifetime=DAY
    ) as person:
        await person.tokens()
        person.installation.clock.turn(LATER)
        assert 'name="password"' in (await person.open()).text


@pytest.mark.one_engine("what is decided asks no engine")
async def test_pages_that_ask_for_a_fresh_sign_in_still_do(tmp_path: Any) -> None:
    async with ada(tmp_path) as person:
        await signed_in(person)
        person.installation.clock.turn(LATER)
        await comes_back(person)
        for path in ("/account/password", "/account/tokens/new", "/account/delete"):
            page = await person.follow(await person.browser.get(path))
            assert 'autocomplete="current-password"' in page.text
            assert "Sign in" in page.text


@pytest.mark.one_engine("what is decided asks no engine")
@pytest.mark.parametrize("skips", [False, True])
async def test_the_second_factor_is_not_skipped(tmp_path: Any, skips: bool) -> None:
    """Where a client demands it, being remembered is one factor, unless policy says otherwise."""
    async with ada(tmp_path, remember_second_factor=skips) as person:
        app, _ = await enrol(person)
        assert await remembered(person) == [], "who came in before with the password alone"
        person.installation.clock.turn(60)
        await show(person, await half(person), app.code())
        assert len(await remembered(person)) == 1
        await person.tokens()
        await set_client_policy(person.installation, least_acr="mfa")
        person.installation.clock.turn(LATER)
        answer = await person.open()
        assert ("code=" in answer.headers.get("location", "")) is skips
        if not skips:
            assert 'name="code"' in answer.text, "only the code is asked for"
            done = await show(person, answer, app.code())
            assert "code=" in done.headers["location"]


@pytest.mark.one_engine("what is decided asks no engine")
async def test_half_a_sign_in_is_not_remembered(tmp_path: Any) -> None:
    async with ada(tmp_path) as person:
        app, _ = await enrol(person)
        person.browser.cookies.clear()
        page = await half(person)
        assert COOKIE not in person.browser.cookies
        person.installation.clock.turn(60)
        await show(person, page, app.code())
        assert COOKIE in person.browser.cookies


@pytest.mark.one_engine("what is decided asks no engine")
async def test_where_everybody_shows_a_second_factor_nobody_is_signed_in(tmp_path: Any) -> None:
    async with ada(tmp_path) as person:
        await signed_in(person)
        person.installation.clock.turn(LATER)
        kept = person.browser.cookies
        async with (
            restarted(person.installation, **SILENT, second_factor_for="everyone") as later,
            later.browser(cookies=dict(kept)) as browser,
        ):
            page = await Person(later, browser).follow(await browser.get("/account/apps"))
            assert "Welcome back" in page.text
            assert SESSION not in browser.cookies or 'name="password"' in page.text


@pytest.mark.one_engine("what is decided asks no engine")
async def test_what_was_opened_by_itself_is_not_good_where_proof_is_asked_for_by_now(
    tmp_path: Any,
) -> None:
    """The setting holds at once, for sessions that a browser got before, too."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        person.installation.clock.turn(LATER)
        assert "No apps yet" in (await comes_back(person)).text
        kept = dict(person.browser.cookies)
        settings = SILENT | {"remember_behind_proof": True}
        async with (
            restarted(person.installation, **settings) as later,
            later.browser(cookies=kept) as browser,
        ):
            assert (await browser.get("/account/apps")).status_code == 303


@pytest.mark.one_engine("what is decided asks no engine")
async def test_a_doubt_is_not_forgotten_with_the_session(tmp_path: Any) -> None:
    """Where something was noticed somebody proves who they are, remembered or not."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        [session] = await live_sessions(person)
        store = person.installation.authority.store
        await store.transact(lambda tx: doubt(tx, session.id))
        person.browser.cookies.delete(SESSION)
        assert 'name="password"' in (await comes_back(person)).text
        assert await remembered(person) == []


async def test_a_person_has_so_many_and_the_oldest_goes(tmp_path: Any) -> None:
    async with ada(tmp_path, sign_in_rate_per_minute=1000) as person:
        place = person.installation
        for _ in range(MOST + 1):
            async with place.browser() as browser:
                await signed_in(Person(place, browser))
            place.clock.turn(1)
        assert len(await remembered(person)) == MOST


@pytest.mark.one_engine("what is decided asks no engine")
@pytest.mark.parametrize("value", ["", "x", "cfrb_AAAA-00000000", "é"])
async def test_what_we_never_spelled_is_nothing(tmp_path: Any, value: str) -> None:
    async with ada(tmp_path) as person, person.installation.browser() as other:
        answer = await other.get("/sign-in", headers={"cookie": f"{COOKIE}={value}".encode()})
        assert answer.status_code == 200


async def test_a_found_one_is_ended_by_whoever_reports_it(tmp_path: Any) -> None:
    """An older value too: whoever had it may have those after it."""
    async with ada(tmp_path) as person, person.installation.browser() as anyone:
        await signed_in(person)
        found = [
            {"token": person.browser.cookies[COOKIE], "type": "x", "url": "https://paste.example"}
        ]
        answer = await anyone.post("/leaked-secrets", json=found)
        assert answer.status_code == 202
        assert await remembered(person) == []
        assert await live_sessions(person) == []


@pytest.mark.one_engine("what is decided asks no engine")
async def test_another_persons_cannot_be_forgotten(tmp_path: Any) -> None:
    async with ada(tmp_path) as person, person.installation.browser() as mallory:
        await signed_in(person)
        place = person.installation
        evil = await place.add_user("mallory@example.com")
        await signed_in(Person(place, mallory, evil.email, evil.id), keep=False)
        [own] = await remembered(person)
        path = f"/account/devices/forget/{own.id}"
        assert (await mallory.get(path)).status_code == 400
        form = hidden_fields((await mallory.get("/account/apps")).text)
        assert (await mallory.post(path, data=form)).status_code == 400
        assert len(await remembered(person)) == 1


@pytest.mark.one_engine("what is decided asks no engine")
async def test_who_comes_by_a_provider_is_remembered_there_alone(tmp_path: Any) -> None:
    """Otherwise the provider's logout would not reach the session that the browser gets later."""
    async with (
        installed(tmp_path, **SILENT, registration="open") as place,
        upstream(Upstream, place.clock) as theirs,
        place.browser() as browser,
    ):
        await add_provider(place, theirs)
        theirs.sign_in("grace", email="grace@example.com", email_verified=True)
        assert (await come(browser)).status_code == 200
        assert await is_in(browser)
        assert COOKIE not in browser.cookies


@pytest.mark.one_engine("what is decided asks no engine")
async def test_the_cookie_is_good_no_longer_than_its_row(tmp_path: Any) -> None:
    """However old the sign-in is on which it rests."""
    async with ada(tmp_path) as person:
        await signed_in(person, keep=False)
        place, [session] = person.installation, await live_sessions(person)
        old = replace(session, auth_time=session.auth_time - 10 * DAY)

        async def work(tx: Any) -> Any:
            return await remember(place.authority, tx, old, "browser")

        kept = await place.authority.store.transact(work)
        assert kept.until == old.auth_time + 30 * DAY
