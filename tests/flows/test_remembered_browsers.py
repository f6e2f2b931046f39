"""A browser is remembered when its session is over: it is signed in, or greeted (S24, S35)."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind
from tests.installation import PASSWORD, Installation, Person, hidden_fields, installed

pytestmark = pytest.mark.anyio

DAY = 86_400
COOKIE = "counterfoil_remembered"
SESSION = "counterfoil_session"
SILENT = {"remember_browsers": "30_days", "remember_behind_proof": False}


@asynccontextmanager
async def ada(data: Path, **settings: Any) -> AsyncIterator[Person]:
    async with installed(data, **(SILENT | settings)) as place, place.browser() as browser:
        yield Person(place, browser)


async def signed_in(person: Person, *, keep: bool = True) -> None:
    page = await person.browser.get("/sign-in")
    assert (await person.sign_in(page, keep=keep)).status_code == 200


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def close(browser: httpx2.AsyncClient) -> None:
    """Close the browser: what has no lifetime goes, and so does a session of the sliding style."""
    browser.cookies.delete(SESSION)


async def comes_back(person: Person) -> httpx2.Response:
    """Come to the account anew, and go where the server leads."""
    return await person.follow(await person.browser.get("/account/apps"))


async def kinds(place: Installation) -> list[str]:
    return [each.kind.value for each in await place.authority.store.read(_latest)]


async def _latest(tx: Any) -> Any:
    return await tx.events.latest(50)


async def test_a_remembered_browser_is_signed_in_when_its_session_is_over(tmp_path: Path):
    """S24, S35: no password is asked for, for as long as it is remembered and not longer."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        first = person.browser.cookies[COOKIE]
        begun = person.installation.clock()
        while person.installation.clock() + 8 * DAY < begun + 30 * DAY:
            person.installation.clock.turn(8 * DAY)
            assert "No apps yet" in (await comes_back(person)).text
        assert person.browser.cookies[COOKIE] != first, "it changes at each use"
        person.installation.clock.turn(8 * DAY)
        assert 'name="password"' in (await comes_back(person)).text
        assert COOKIE not in person.browser.cookies


@pytest.mark.one_engine("what is decided asks no engine")
async def test_for_ever_is_as_long_as_it_is_used(tmp_path: Path):
    """S24: each use begins the time anew."""
    async with ada(tmp_path, remember_browsers="forever") as person:
        await signed_in(person)
        for _ in range(3):
            person.installation.clock.turn(399 * DAY)
            assert "No apps yet" in (await comes_back(person)).text
        person.installation.clock.turn(400 * DAY)
        assert 'name="password"' in (await comes_back(person)).text


async def test_what_is_opened_so_rests_on_the_old_sign_in(tmp_path: Path):
    """S24: a new session, with the time and the method of the sign-in before."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        begun = int(person.installation.clock())
        person.installation.clock.turn(8 * DAY)
        await comes_back(person)
        store = person.installation.authority.store
        found = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
        [session] = [each for each in found if each.recalled]
        assert (session.auth_time, session.amr) == (begun, ("pwd",))
        assert session.expires_at == begun + 30 * DAY, "not longer than it is remembered"
        code = await person.code()
        tokens = (await person.exchange(code)).json()
        assert claims_of(tokens["id_token"])["auth_time"] == begun


async def test_an_app_is_gone_on_with(tmp_path: Path):
    """S35: the browser goes straight back to the app, as with a session."""
    async with ada(tmp_path) as person:
        await person.tokens()
        person.installation.clock.turn(8 * DAY)
        answer = await person.open()
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("https://app.example/callback?code=")


@pytest.mark.one_engine("what is decided asks no engine")
async def test_who_does_not_tick_is_not_remembered(tmp_path: Path):
    async with ada(tmp_path) as person:
        await signed_in(person, keep=False)
        assert COOKIE not in person.browser.cookies
    async with ada(tmp_path / "off", remember_browsers="off") as person:
        await signed_in(person)
        assert COOKIE not in person.browser.cookies


@pytest.mark.one_engine("what is decided asks no engine")
async def test_behind_proof_it_is_greeted_and_asked(tmp_path: Path):
    """S24: by name, with the e-mail filled in; the password or a passkey opens the session."""
    async with ada(tmp_path, remember_behind_proof=True) as person:
        await signed_in(person)
        person.installation.clock.turn(8 * DAY)
        page = await comes_back(person)
        assert "Welcome back, <bdi>Ada</bdi>" in page.text
        assert f'value="{person.email}"' in page.text
        assert " checked" in page.text
        assert SESSION not in person.browser.cookies or "No apps yet" not in page.text
        assert "No apps yet" in (await person.sign_in(page)).text
        events = await kinds(person.installation)
        assert events.count("signed_in") == 2


@pytest.mark.one_engine("what is decided asks no engine")
async def test_the_page_says_for_how_long(tmp_path: Path):
    async with ada(tmp_path) as person:
        page = await person.browser.get("/sign-in")
        assert "remembered for 30 days" in page.text


@pytest.mark.parametrize("way", ["sign out", "devices", "password", "disabled", "everything"])
async def test_it_ends_with(tmp_path: Path, way: str):
    """S24: whatever ends the browser's session, or all that the old password opened, ends this."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        await end_by(person, way)
        value = person.browser.cookies.get(COOKIE)
        store = person.installation.authority.store
        assert await store.read(lambda tx: tx.remembered_browsers.of_user(person.user_id)) == []
        assert "browser_forgotten" in await kinds(person.installation)
        close(person.browser)
        if value is not None:
            person.browser.cookies.set(COOKIE, value)
        person.installation.clock.turn(8 * DAY)
        assert 'name="password"' in (await comes_back(person)).text


async def end_by(person: Person, way: str) -> None:
    browser, store = person.browser, person.installation.authority.store
    match way:
        case "sign out":
            form = hidden_fields((await browser.get("/account/apps")).text)
            await browser.post("/account/sign-out", data=form)
        case "devices":
            [session] = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
            path = f"/account/end/session/{session.id}"
            form = hidden_fields((await browser.get(path)).text)
            assert "remembered no more" in (await browser.post(path, data=form)).text
        case "password":
            page = await browser.get("/account/password")
            new = "another horse battery staple"
            form = hidden_fields(page.text) | {"current": PASSWORD, "new": new, "again": new}
            assert "has been changed" in (await browser.post("/account/password", data=form)).text
        case "disabled":
            await store.transact(lambda tx: revocation.disable_user(tx, person.user_id, CLI))
        case "everything":
            await store.transact(lambda tx: revocation.sign_out_user(tx, person.user_id, CLI))


@pytest.mark.one_engine("what is decided asks no engine")
async def test_signing_out_ends_it_though_the_session_was_over(tmp_path: Path):
    async with ada(tmp_path) as person:
        await signed_in(person)
        form = hidden_fields((await person.browser.get("/account/apps")).text)
        person.installation.clock.turn(8 * DAY)
        await person.browser.post("/account/sign-out", data=form)
        assert COOKIE not in person.browser.cookies
        assert 'name="password"' in (await comes_back(person)).text


@pytest.mark.one_engine("what is decided asks no engine")
@pytest.mark.parametrize("hint", [True, False])
async def test_an_app_that_signs_somebody_out_leaves_nothing_remembered(tmp_path: Path, hint: bool):
    """RP-Initiated Logout: though the session was over; without a hint somebody is asked."""
    async with ada(tmp_path) as person:
        tokens = await person.tokens()
        person.installation.clock.turn(8 * DAY)
        asked = {"client_id": "app"} | ({"id_token_hint": tokens["id_token"]} if hint else {})
        answer = await person.browser.get("/logout", params=asked)
        if not hint:
            assert COOKIE in person.browser.cookies, "no other site signs somebody out unasked"
            form = hidden_fields(answer.text) | {"decision": "logout"}
            forged = await person.browser.post("/logout", data=form | {"csrf": "x"})
            assert "decision" in forged.text, "it is asked anew"
            assert COOKIE in person.browser.cookies
            answer = await person.browser.post("/logout", data=form)
        assert answer.headers["location"] == "/signed-out"
        assert COOKIE not in person.browser.cookies
        assert 'name="password"' in (await comes_back(person)).text


async def test_the_devices_page_shows_it_and_forgets_it_without_any_session(tmp_path: Path):
    """S06, S24: by device, place and last use; from another browser."""
    async with ada(tmp_path) as person, person.installation.browser() as other:
        await signed_in(person)
        place = person.installation
        assert "Remembered until" in (await person.browser.get("/account/devices")).text
        place.clock.turn(8 * DAY)
        elsewhere = Person(place, other)
        await signed_in(elsewhere, keep=False)
        store = place.authority.store
        sessions = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
        old = next(each for each in sessions if each.remembered_id)
        await store.transact(lambda tx: tx.sessions.end(old.id, tx.now))
        page = await other.get("/account/devices")
        assert "Forget this browser" in page.text
        path = f"/account/devices/forget/{old.remembered_id}"
        asked = await other.get(path)
        assert "Forget this browser?" in asked.text
        done = await other.post(path, data=hidden_fields(asked.text))
        assert "remembered no more" in done.text
        assert (await other.get(path)).status_code == 400
        assert 'name="password"' in (await comes_back(person)).text


@pytest.mark.one_engine("what is decided asks no engine")
async def test_whoever_forgets_their_own_browser_is_signed_out_in_it(tmp_path: Path):
    """S24: the page leads to the one way of ending; nothing is left in the browser."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        [session] = await person.installation.authority.store.read(
            lambda tx: tx.sessions.of_user(person.user_id)
        )
        path = f"/account/end/remembered/{session.remembered_id}"
        asked = await person.browser.get(path)
        assert "Forget this browser?" in asked.text
        done = await person.browser.post(path, data=hidden_fields(asked.text))
        assert "1 browser is remembered no more" in done.text
        assert "Sign in again" in done.text
        assert COOKIE not in person.browser.cookies
        assert 'name="password"' in (await comes_back(person)).text


@pytest.mark.one_engine("what is decided asks no engine")
async def test_signing_in_without_the_tick_is_the_last_word(tmp_path: Path):
    async with ada(tmp_path) as person:
        await signed_in(person)
        await signed_in(person, keep=False)
        assert COOKIE not in person.browser.cookies
        store = person.installation.authority.store
        assert await store.read(lambda tx: tx.remembered_browsers.of_user(person.user_id)) == []


@pytest.mark.one_engine("what is decided asks no engine")
async def test_a_client_may_ask_that_somebody_shows_who_they_are(tmp_path: Path):
    """S24: for it a browser that is only remembered is greeted, and asked."""
    async with ada(tmp_path) as person:
        await person.tokens()
        await set_client_policy(person.installation, remembered_sign_in=False)
        person.installation.clock.turn(8 * DAY)
        page = await person.open()
        assert "Welcome back" in page.text
        assert "No apps yet" not in page.text
        await comes_back(person)
        page = await person.open()
        assert 'name="password"' in page.text, "nor does a session that was opened so before"
        assert (await person.sign_in(page)).status_code == 303


async def set_client_policy(place: Installation, **policy: Any) -> None:
    async def work(tx: Any) -> None:
        client = await tx.clients.find("app")
        await tx.clients.update(replace(client, policy=replace(client.policy, **policy)))

    await place.authority.store.transact(work)


@pytest.mark.one_engine("what is decided asks no engine")
async def test_what_is_opened_so_is_told_in_the_log(tmp_path: Path):
    async with ada(tmp_path) as person:
        await signed_in(person)
        person.installation.clock.turn(8 * DAY)
        await comes_back(person)
        events = await person.installation.authority.store.read(_latest)
        signed = next(each for each in events if each.kind is EventKind.SIGNED_IN)
        assert signed.proof.startswith("remembered:")
        assert EventKind.BROWSER_REMEMBERED in {each.kind for each in events}


@pytest.mark.one_engine("what is said asks no engine")
async def test_it_is_said_in_german_too(tmp_path: Path):
    """On the page of signing in, where it is forgotten, and where a copy was noticed."""
    async with ada(tmp_path) as person, person.installation.browser() as thief:
        person.browser.headers["accept-language"] = thief.headers["accept-language"] = "de"
        assert "30 Tage lang" in (await person.browser.get("/sign-in")).text
        await signed_in(person)
        [session] = await person.installation.authority.store.read(
            lambda tx: tx.sessions.of_user(person.user_id)
        )
        path = f"/account/devices/forget/{session.remembered_id}"
        asked = await person.browser.get(path)
        assert "Diesen Browser vergessen?" in asked.text
        assert "ist nicht mehr gemerkt" in asked.text
        await thief.get("/sign-in")
        thief.cookies.set(COOKIE, person.browser.cookies[COOKIE])
        assert "ein zweites Mal benutzt" in (await thief.get("/sign-in")).text
