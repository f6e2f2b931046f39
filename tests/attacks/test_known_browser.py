"""Guessing so that the owner is kept out, and guessing with the owner's cookie (ASVS V6.3.1)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from counterfoil.server.identity.known_browser import LIFETIME
from tests.attacks.test_guessing import attempt
from tests.installation import EMAIL, PASSWORD, Installation, hidden_fields, installed

pytestmark = pytest.mark.anyio

COOKIE = "counterfoil_known"
HOUR = 3600


async def guess(own: Installation, times: int = 5) -> None:
    """Somebody else guesses, until the account pauses."""
    async with own.browser() as thief:
        for _ in range(times):
            assert (await attempt(thief, EMAIL, "wrong")).status_code == 400


@asynccontextmanager
async def known_browser(own: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of the owner's, who has signed in with it and out again."""
    async with own.browser() as browser:
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303
        form = hidden_fields((await browser.get("/account/apps")).text)
        await browser.post("/account/sign-out", data=form)
        yield browser


async def failures(own: Installation) -> int:
    async def look(tx: Any) -> int:
        return int((await tx.users.find_by_email(EMAIL)).failed_sign_ins)

    return await own.authority.store.read(look)


async def test_nobody_keeps_the_owner_out(own: Installation) -> None:
    """However long they guess, the owner comes in where they came in before; others wait."""
    async with known_browser(own) as browser, own.browser() as strange:
        for _ in range(3):
            await guess(own)
            assert (await attempt(strange, EMAIL, PASSWORD)).status_code == 400
            assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303
            own.clock.turn(HOUR)


@pytest.mark.one_engine("what is decided asks no engine")
async def test_that_the_owner_comes_in_gives_the_guesser_no_new_tries(own: Installation) -> None:
    async with known_browser(own) as browser, own.browser() as strange:
        await guess(own)
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303
        assert (await attempt(strange, EMAIL, PASSWORD)).status_code == 400, "it still pauses"
        assert await failures(own) == 5


async def test_a_stolen_cookie_gives_few_guesses(own: Installation) -> None:
    """Five an hour while the account pauses, over all browsers that show it; then none."""
    async with known_browser(own) as browser:
        cookie = browser.cookies[COOKIE]
    await guess(own)
    locked = await failures(own)
    for _ in range(2):
        for _ in range(5):
            async with own.browser(cookies={COOKIE: cookie}) as thief:
                assert (await attempt(thief, EMAIL, "wrong")).status_code == 400
        async with own.browser(cookies={COOKIE: cookie}) as thief:
            assert (await attempt(thief, EMAIL, PASSWORD)).status_code == 400, "no more this hour"
        await wait_and_lock(own, locked)


async def wait_and_lock(own: Installation, locked: int) -> None:
    """The thief with the cookie made nothing longer; let an hour pass, and have it pause again."""
    assert await failures(own) >= locked
    own.clock.turn(HOUR)
    await guess(own, 1)


async def test_guesses_at_one_moment_share_the_allowance(own: Installation) -> None:
    """A race does not buy more: each try is spent where it is judged."""
    async with known_browser(own) as browser:
        await guess(own)
        page = await browser.get("/sign-in")
        form = hidden_fields(page.text) | {"email": EMAIL}
        wrong = [browser.post("/sign-in", data=form | {"password": f"no{n}"}) for n in range(12)]
        await asyncio.gather(*wrong)
        query = await own.authority.store.read(lambda tx: tx.events.latest(30))
        refused = [event for event in query if event.kind.value == "sign_in_failed"]
        assert len(refused) == 5 + 5


@pytest.mark.one_engine("what is decided asks no engine")
@pytest.mark.parametrize("how", ["of another account", "old", "after a new password", "forged"])
async def test_a_cookie_that_is_not_good_passes_nothing(own: Installation, how: str) -> None:
    other = await own.add_user("grace@example.com")
    async with known_browser(own) as browser, own.browser() as elsewhere:
        if how == "of another account":
            await attempt(elsewhere, other.email, PASSWORD)
            browser.cookies = elsewhere.cookies
        if how == "old":
            own.clock.turn(LIFETIME)
        if how == "after a new password":
            digest = await own.server.passwords.hash(PASSWORD)
            assert own.user is not None
            ada = own.user.id
            await own.authority.store.transact(lambda tx: tx.users.set_password(ada, digest))
        if how == "forged":
            cookie = browser.cookies[COOKIE]
            browser.cookies.clear()
            browser.cookies.set(COOKIE, f"A{cookie[1:]}" if cookie[0] != "A" else f"B{cookie[1:]}")
        await guess(own)
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 400


@pytest.mark.one_engine("what is decided asks no engine")
async def test_no_pause_keeps_the_owner_from_a_new_password(own: Installation) -> None:
    """Whoever guesses cannot keep them from answering "this was not me" either."""
    async with known_browser(own) as browser:
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303
        page = await browser.get("/account/password")
        await guess(own)
        new = "another horse battery staple"
        form = hidden_fields(page.text) | {"current": PASSWORD, "new": new, "again": new}
        answer = await browser.post("/account/password", data=form)
        assert "has been changed" in answer.text
        await guess(own)
        assert (await attempt(browser, EMAIL, new)).status_code == 303, "known by the new one"


@pytest.mark.one_engine("what is decided asks no engine")
async def test_a_site_may_switch_it_off(tmp_path: Any) -> None:
    async with installed(tmp_path, known_browser_tries=0) as own, known_browser(own) as it:
        await guess(own)
        assert (await attempt(it, EMAIL, PASSWORD)).status_code == 400
