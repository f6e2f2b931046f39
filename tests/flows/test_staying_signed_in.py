"""How long a browser stays signed in: the cookies themselves, with the clock turned (S34, S30)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.server.records.session import Session
from tests.installation import Person, hidden_fields, installed

pytestmark = pytest.mark.anyio

DAY = 86_400
COOKIE = "counterfoil_session"


def cookie_in(answer: httpx2.Response) -> "Morsel[str] | None":
    found: SimpleCookie = SimpleCookie()
    for value in answer.headers.get_list("set-cookie"):
        found.load(value)
    return found.get(COOKIE)


@asynccontextmanager
async def ada(data: Path, **settings: Any) -> AsyncIterator[Person]:
    async with installed(data, **settings) as place, place.browser() as browser:
        yield Person(place, browser)


async def signed_in(person: Person, *, keep: bool = True) -> "Morsel[str]":
    """Sign in; gives the cookie as it was set."""
    page = await person.browser.get("/sign-in")
    form = hidden_fields(page.text) | {
        "email": person.email,
        "password": "correct horse battery staple",
    }
    answer = await person.browser.post("/sign-in", data=form | ({"keep": "yes"} if keep else {}))
    cookie = cookie_in(answer)
    assert cookie is not None
    return cookie


async def visit(person: Person) -> httpx2.Response:
    """Look at the account; what was noted of it is written down, as it is every few seconds."""
    authority = person.installation.authority
    answer = await person.browser.get("/account/apps")
    await authority.activity.flush(authority.store)
    return answer


async def session_of(person: Person) -> Session:
    store = person.installation.authority.store
    [session] = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
    return session


async def test_who_does_not_tick_is_forgotten_when_the_browser_closes(tmp_path: Path):
    """S34, session style: no Max-Age, ever; at the server the idle limit holds."""
    async with ada(tmp_path) as person:
        assert (await signed_in(person, keep=False))["max-age"] == ""
        for _ in range(3):
            person.installation.clock.turn(6 * DAY)
            answer = await visit(person)
            assert answer.status_code == 200
            assert cookie_in(answer) is None
        person.installation.clock.turn(7 * DAY)
        assert (await visit(person)).status_code == 303


async def test_a_sliding_session_is_renewed_while_it_is_used_until_its_absolute_end(
    tmp_path: Path,
):
    """S34, sliding style: a new Max-Age where a good part has passed, and never beyond the end."""
    async with ada(tmp_path) as person:
        clock = person.installation.clock
        begun = clock()
        step = 7 * DAY // 10
        assert (await signed_in(person))["max-age"] == str(7 * DAY + step)
        clock.turn(step - 1)
        assert cookie_in(await visit(person)) is None
        clock.turn(1)
        cookie = cookie_in(await visit(person))
        assert cookie is not None
        assert cookie["max-age"] == str(7 * DAY + step)
        assert cookie.value == person.browser.cookies[COOKIE]
        assert cookie["httponly"]
        assert cookie_in(await visit(person)) is None
        while clock() + 6 * DAY < begun + 30 * DAY:
            clock.turn(6 * DAY)
            cookie = cookie_in(await visit(person))
            assert cookie is not None
            assert int(cookie["max-age"]) <= begun + 30 * DAY - clock()
        clock.turn(begun + 30 * DAY - clock())
        assert (await visit(person)).status_code == 303


async def test_an_app_that_refreshes_does_not_put_off_the_cookie(tmp_path: Path):
    """S34: apps keep a session in use at the server; the browser's cookie still slides."""
    async with ada(tmp_path) as person:
        tokens = await person.tokens()
        place = person.installation
        for _ in range(2):
            place.clock.turn(3 * DAY)
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            tokens = (await place.post("/token", "app", **form)).json()
            await place.authority.activity.flush(place.authority.store)
            assert cookie_in(await visit(person)) is not None


async def refreshed(person: Person, tokens: dict[str, Any]) -> dict[str, Any]:
    """What the app gets; what was noted is written down."""
    place = person.installation
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = dict((await place.post("/token", "app", **form)).json())
    await place.authority.activity.flush(place.authority.store)
    return answer


@pytest.mark.parametrize("style", ["session", "sliding"])
async def test_closing_the_browser_signs_no_app_out_while_it_is_used(tmp_path: Path, style: str):
    """S34: the cookie has gone, and nobody sees that; the idle limit holds, and the last hour."""
    async with ada(tmp_path, session_style=style) as person:
        tokens, clock = await person.tokens(), person.installation.clock
        begun = clock()
        person.browser.cookies.clear()
        assert (await visit(person)).status_code == 303
        while clock() + 6 * DAY < begun + 30 * DAY:
            clock.turn(6 * DAY)
            tokens = await refreshed(person, tokens)
            assert "access_token" in tokens
        clock.turn(begun + 30 * DAY - clock())
        assert (await refreshed(person, tokens))["error"] == "invalid_grant"


async def test_an_app_that_nobody_uses_ends_with_the_session_of_a_closed_browser(tmp_path: Path):
    """S34: once neither a page nor an app was used for the idle limit."""
    async with ada(tmp_path, session_style="session") as person:
        tokens, clock = await person.tokens(), person.installation.clock
        clock.turn(7 * DAY - 1)
        tokens = await refreshed(person, tokens)
        assert "access_token" in tokens
        clock.turn(7 * DAY)
        refused = await refreshed(person, tokens)
        assert "session" in refused["error_description"]


async def test_a_sliding_session_that_is_not_used_ends(tmp_path: Path):
    async with ada(tmp_path) as person:
        await signed_in(person)
        person.installation.clock.turn(7 * DAY)
        assert (await visit(person)).status_code == 303


async def test_a_persistent_session_ends_at_its_hour_however_little_it_is_used(tmp_path: Path):
    """S34, persistent style: the cookie is set once, for the whole time."""
    async with ada(tmp_path, session_style="persistent") as person:
        assert (await signed_in(person))["max-age"] == str(30 * DAY)
        person.installation.clock.turn(30 * DAY - 1)
        answer = await visit(person)
        assert answer.status_code == 200
        assert cookie_in(answer) is None
        person.installation.clock.turn(1)
        assert (await visit(person)).status_code == 303


@pytest.mark.parametrize(
    ("settings", "offered"),
    [({}, True), ({"session_choice": False}, False), ({"session_style": "session"}, False)],
)
async def test_the_page_offers_a_choice_where_there_is_one(
    tmp_path: Path, settings: dict[str, Any], offered: bool
):
    async with ada(tmp_path, **settings) as person:
        page = await person.browser.get("/sign-in")
        assert ("Keep me signed in" in page.text) is offered
        form = hidden_fields(page.text) | {
            "email": person.email,
            "password": "wrong",
            "keep": "yes",
        }
        again = await person.browser.post("/sign-in", data=form)
        assert (" checked" in again.text) is offered


async def test_signing_out_is_not_undone_by_the_renewal(tmp_path: Path):
    """S39: the answer that clears the cookie does not set it again."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        person.installation.clock.turn(DAY)
        page = await person.browser.get("/account/apps")
        form = hidden_fields(page.text)
        answer = await person.browser.post("/account/sign-out", data=form)
        cookies = answer.headers.get_list("set-cookie")
        assert any(each.startswith("counterfoil_session=") for each in cookies)
        assert all("Max-Age=0" in each for each in cookies)


async def test_where_the_setting_says_so_everyone_proves_anew_who_they_are(tmp_path: Path):
    """S30: daily, also on the pages of the server itself; the session goes on when they have."""
    async with ada(tmp_path, reproof_interval=DAY) as person:
        await signed_in(person)
        session = await session_of(person)
        person.installation.clock.turn(DAY - 1)
        assert (await visit(person)).status_code == 200
        person.installation.clock.turn(1)
        answer = await visit(person)
        assert answer.headers["location"] == "/sign-in"
        assert "signed in as" not in (await person.browser.get("/")).text.lower()
        await signed_in(person)
        assert (await session_of(person)).id == session.id
        assert (await visit(person)).status_code == 200


async def test_who_has_to_prove_who_they_are_can_still_sign_out(tmp_path: Path):
    """S30, S39: the session ends at the server too."""
    async with ada(tmp_path, reproof_interval=DAY) as person:
        await signed_in(person)
        form = hidden_fields((await visit(person)).text)
        person.installation.clock.turn(DAY)
        answer = await person.browser.post("/account/sign-out", data=form)
        assert answer.headers["location"] == "/signed-out"
        store = person.installation.authority.store
        assert await store.read(lambda tx: tx.sessions.of_user(person.user_id)) == []
