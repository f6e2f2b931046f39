"""Noticing, from far away: who has more to show must show it, and who has not is told (S107)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.oauth.reasons import Reason
from counterfoil.server.records.event import EventKind
from tests.authenticator import Authenticator
from tests.coming import come, link, provided
from tests.flows.serving import fresh, refusal_of, served_here
from tests.flows.test_remembered_browsers import SILENT, close, comes_back, signed_in
from tests.flows.test_reports import api, guard_of
from tests.installation import EMAIL, Installation, Person, hidden_fields
from tests.mmdb import write
from tests.noticing import (
    FAR,
    HOME,
    PLACES,
    browser_at,
    habits_of,
    in_the_world,
    lives_at_home,
    noticed,
    signed_in_from,
)
from tests.passkeys import add_at, form_in, show_at
from tests.recoveries import mail_for
from tests.reporting import add_guard, told
from tests.second_factors import SECOND, enrol, half, is_in, show

pytestmark = pytest.mark.anyio
TRAVEL = EventKind.IMPOSSIBLE_TRAVEL
HELD, NOTICED = "They are not in", "signed in to your account"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with in_the_world(tmp_path) as place:
        await lives_at_home(place)
        yield place


@pytest.fixture
def phone() -> Authenticator:
    return Authenticator("http://localhost:8000", verifies=False)


async def with_phone(place: Installation, phone: Authenticator) -> None:
    async with browser_at(place, HOME) as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        assert (await add_at(person, phone)).status_code == 303
    place.clock.turn(20 * 60)


async def test_the_password_is_not_enough_from_where_nobody_can_be(
    place: Installation, phone: Authenticator
):
    """S107: otherwise it is; whoever has not the passkey stays out, and the owner is told."""
    await with_phone(place, phone)
    assert NOTICED not in await signed_in_from(place, HOME)
    async with browser_at(place, FAR) as browser:
        thief = Person(place, browser)
        page = await half(thief)
        assert page.url.path == SECOND
        assert not await is_in(thief)
        [event] = await noticed(place, TRAVEL)
        assert "session_id" not in event.detail
        assert "They were asked for more than they had shown." in event.detail["reasons"]
        assert HELD in (await mail_for(place, EMAIL))[0]
        assert (await habits_of(place)).place("AU/Sydney") is None
        await show_at(thief, page, phone)
        assert await is_in(thief), "it was the owner, by a VPN"
    known = (await habits_of(place)).place("AU/Sydney")
    assert known is not None, "who has shown more teaches it"


async def test_who_has_an_app_is_told_that_the_password_is_known(place: Installation):
    """The code is asked for in any case; the letter comes before it is shown."""
    async with browser_at(place, HOME) as browser:
        app, _ = await enrol(Person(place, browser))
    place.clock.turn(20 * 60)
    async with browser_at(place, FAR) as browser:
        thief = Person(place, browser)
        page = await half(thief)
        assert HELD in (await mail_for(place, EMAIL))[0]
        await show(thief, page, app.code())
        assert await is_in(thief)
    assert len(await noticed(place, TRAVEL)) == 2


async def test_a_touched_passkey_is_not_enough_either(place: Installation, phone: Authenticator):
    """S107: somebody found the key, and does not know the password."""
    await with_phone(place, phone)
    for where in (HOME, FAR):
        async with browser_at(place, where) as browser:
            form = form_in((await browser.get("/sign-in")).text)
            answer = phone.get(form.pop("options"))
            await browser.post("/sign-in/passkey", data=form | {"credential": answer})
            assert await is_in(Person(place, browser)) is (where == HOME)
    [event] = await noticed(place, TRAVEL)
    assert event.proof.startswith("passkey:")


async def test_an_account_elsewhere_is_not_enough_either(place: Installation, phone: Authenticator):
    """S107, S112: somebody has taken the account at the provider, and not the passkey."""
    async with provided(place) as theirs, browser_at(place, HOME) as browser:
        theirs.sign_in("ada")
        await Person(place, browser).sign_in(await browser.get("/sign-in"))
        assert (await link(browser)).status_code == 303
        await with_phone(place, phone)
        async with browser_at(place, HOME) as other:
            await come(other)
            assert await is_in(Person(place, other))
        async with browser_at(place, FAR) as thief:
            assert (await come(thief)).url.path == SECOND
            assert not await is_in(Person(place, thief))
    [event] = await noticed(place, TRAVEL)
    assert event.proof == "provider:theirs"


@pytest.mark.one_engine("the same statements as before")
async def test_who_is_not_to_be_told_gets_no_letter(tmp_path: Path, phone: Authenticator):
    """What policy asks for is done, and nothing beside it."""
    rules = {"notice_impossible_travel": ["step_up:70"]}
    async with in_the_world(tmp_path, **rules) as place:
        await lives_at_home(place)
        await with_phone(place, phone)
        async with browser_at(place, FAR) as browser:
            assert (await half(Person(place, browser))).url.path == SECOND
        assert await noticed(place, TRAVEL)
        assert HELD not in "".join(await mail_for(place, EMAIL))


@pytest.mark.one_engine("the same statements as before")
async def test_who_has_only_a_password_comes_in_and_is_told(place: Installation):
    """There is nothing more to ask for: a stranger's score keeps no owner out."""
    await signed_in_from(place, HOME)
    async with browser_at(place, FAR) as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        assert await is_in(person)
    assert NOTICED in (await mail_for(place, EMAIL))[0]


@pytest.mark.one_engine("the pages are the same")
async def test_the_form_behind_the_letter_ends_what_was_begun(place: Installation):
    """S38, S107: from the mail to "nobody but me"."""
    async with browser_at(place, FAR) as there, browser_at(place, HOME) as here:
        thief, owner = Person(place, there), Person(place, here)
        await thief.sign_in(await there.get("/sign-in"))
        assert (await habits_of(place)).place("AU/Sydney") is not None
        [letter] = await mail_for(place, EMAIL)
        link = next(word for word in letter.split() if "/account/not-me" in word)
        await owner.sign_in(await here.get("/sign-in"))
        form = hidden_fields((await here.get(link)).text)
        form |= {"current": "correct horse battery staple"}
        form |= dict.fromkeys(("new", "again"), "a password of her own, and long")
        done = await here.post("/account/not-me", data=form)
        assert done.status_code == 200, done.text
        assert not await is_in(thief)
    assert (await habits_of(place)).place("AU/Sydney") is None, "what the thief taught is gone"


@pytest.mark.one_engine("the endings are tried on both elsewhere")
async def test_every_guard_refuses_what_was_far_apart(tmp_path: Path):
    """S107: two guards see one token on two sides of the world; a third refuses it."""
    places = write(tmp_path / "places.mmdb", PLACES)
    rules = {"notice_token_in_two_places": ["end:90"], "places_file": str(places)}
    async with served_here(tmp_path / "data", **rules) as place:
        await add_guard(place)
        async with place.browser() as browser:
            token = (await Person(place, browser).tokens())["access_token"]
        third = guard_of(place, reports=False)
        with third:
            await fresh(third)
            place.clock.turn(60)
            async with api(place) as at_one, api(place) as at_two:
                for use, where in ((at_one, HOME), (at_two, FAR), (at_one, HOME)):
                    assert await use(token, where) == 200
                    place.clock.turn(12)
            assert (await refusal_of(third, token)).reason is Reason.REVOKED
            await third.aclose()
        [event] = await told(place)
        assert event.detail["score"] == "90"
        assert event.detail["done"] == "end"


@pytest.mark.one_engine("remembering is tried on both elsewhere")
async def test_a_remembered_browser_elsewhere_is_asked(tmp_path: Path):
    """S24, S107: who has a copy of what it is remembered by, far away, has to sign in anew."""
    async with in_the_world(tmp_path, **SILENT) as place, browser_at(place, HOME) as browser:
        await lives_at_home(place)
        person = Person(place, browser)
        await signed_in(person)
        close(browser)
        assert "No apps yet" in (await comes_back(person)).text, "at home nobody is asked"
        close(browser)
        place.clock.turn(600)
        browser.headers["x-forwarded-for"] = FAR
        page = await comes_back(person)
        assert 'name="password"' in page.text
        [event] = await noticed(place, TRAVEL)
        assert event.address == FAR
        assert (await habits_of(place)).place("AU/Sydney") is None
        await person.sign_in(page)
        assert await is_in(person)
