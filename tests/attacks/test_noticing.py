"""Noticing as a weapon, and ways around it (S106, S107, S108): nobody else's session ends by it.

What it cannot do is tried too: a thief who hides in the owner's own city weighs little.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.server.records.event import EventKind
from counterfoil.server.records.habits import DAY, HOUR, MOST_LETTERS
from tests.installation import EMAIL, Installation, Person, token_request
from tests.noticing import (
    FAR,
    HOME,
    OFFICE,
    THERE,
    browser_at,
    habits_of,
    in_the_world,
    lives_at_home,
    noticed,
    scores,
    signed_in_from,
)
from tests.recoveries import mail_for
from tests.second_factors import is_in

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is judged knows no engine")]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with in_the_world(tmp_path) as place:
        await lives_at_home(place)
        yield place


async def test_guesses_of_strangers_touch_nobody(place: Installation):
    """From any number of networks: the owner's session stands, no letter is sent, nothing is asked.

    S108: a finding needs the right password, or a token.
    """
    async with browser_at(place, HOME) as browser:
        owner = Person(place, browser)
        await owner.sign_in(await browser.get("/sign-in"))
        before = await noticed(place)
        for number in range(30):
            async with browser_at(place, f"203.0.{number}.9") as stranger:
                guesser = Person(place, stranger)
                await guesser.sign_in(await stranger.get("/sign-in"), password=f"guess {number}")
        assert await is_in(owner)
        place.clock.turn(60)
        await owner.sign_in(await browser.get("/sign-in"))
        assert await is_in(owner)
    assert await noticed(place) == before
    assert await mail_for(place, EMAIL) == []


async def test_the_owner_on_a_new_phone_at_home_is_not_blamed_for_strangers(place: Installation):
    for number in range(30):
        async with browser_at(place, f"203.0.{number}.9") as stranger:
            guesser = Person(place, stranger)
            await guesser.sign_in(await stranger.get("/sign-in"), password="wrong")
    await signed_in_from(place, HOME)
    assert await noticed(place, EventKind.FAILURES_BEFORE) == []
    assert await mail_for(place, EMAIL) == []


async def test_a_header_that_a_client_writes_is_no_place(tmp_path: Path):
    """S107: who connects directly is where they connect from, whatever they write."""
    async with in_the_world(tmp_path, trusted_proxies=[]) as place:
        await lives_at_home(place)
        await signed_in_from(place, HOME)
        await signed_in_from(place, FAR)
        assert (await habits_of(place)).places == ()
        kinds = {each.kind for each in await noticed(place)}
        assert kinds == {EventKind.NEW_DEVICE}, "the same machine, another browser"


async def test_what_stands_before_the_proxys_own_word_is_not_read(place: Installation):
    """A thief writes the owner's address in front; the proxy adds where they are."""
    await signed_in_from(place, f"{HOME}, {FAR}")
    assert (await scores(place))["new_place"] == 65
    [event] = await noticed(place, EventKind.NEW_PLACE)
    assert event.address == FAR


async def test_forged_headers_end_nobodys_family(tmp_path: Path):
    """Whoever has not the refresh token is not even looked at, wherever they seem to be."""
    rules = {"notice_refreshed_elsewhere": ["end:1"]}
    async with in_the_world(tmp_path, **rules) as place:
        async with browser_at(place, HOME) as browser:
            tokens = await Person(place, browser).tokens("spa")
        forged = tokens["refresh_token"][:-3] + "AAA"
        async with browser_at(place, FAR) as thief:
            form = {"client_id": "spa", "grant_type": "refresh_token", "refresh_token": forged}
            assert (await thief.post("/token", data=form)).status_code == 400
        assert await noticed(place, EventKind.REFRESHED_ELSEWHERE) == []
        async with browser_at(place, HOME) as owner:
            form["refresh_token"] = tokens["refresh_token"]
            assert (await owner.post("/token", data=form)).status_code == 200


async def test_who_knows_the_password_sends_few_letters(place: Installation):
    """One of a place in a day, and few in all: nobody's mailbox is filled."""
    for number in range(40):
        address = (FAR, THERE, f"10.{number}.0.1", f"172.16.{number}.1")[number % 4]
        await signed_in_from(place, address)
        place.clock.turn(60)
    assert len(await mail_for(place, EMAIL)) == MOST_LETTERS
    place.clock.turn(DAY)
    await signed_in_from(place, "10.99.0.1")
    assert len(await mail_for(place, EMAIL)) == MOST_LETTERS + 1, "the next day counts anew"


async def test_one_place_is_one_letter_a_day(place: Installation):
    for _ in range(10):
        await signed_in_from(place, "10.9.0.1")
        place.clock.turn(60)
    assert len(await mail_for(place, EMAIL)) == 1


async def test_nobody_teaches_it_in_an_afternoon(tmp_path: Path):
    """S108: a thief who is in signs in a hundred times at night: the night stays unusual."""
    async with in_the_world(tmp_path) as place:
        start = place.clock.now // DAY * DAY + 9 * HOUR
        place.clock.now = start
        await lives_at_home(place, days=40)
        place.clock.turn(-6 * HOUR)  # three in the morning
        for _ in range(100):
            async with browser_at(place, HOME) as browser:
                person = Person(place, browser)
                await person.sign_in(await browser.get("/sign-in"))
        habits = await habits_of(place)
        assert sum(habits.hours[2:5]) <= 4
        place.clock.turn(DAY)
        before = len(await noticed(place, EventKind.UNUSUAL_TIME))
        assert before >= 1


async def test_a_leap_that_proved_nothing_makes_no_place_known(place: Installation):
    """However often: what policy would have held teaches nothing, so each leap is told again."""
    for _ in range(3):
        await signed_in_from(place, HOME)
        place.clock.turn(600)
        await signed_in_from(place, FAR)
        place.clock.turn(600)
    assert (await habits_of(place)).place("AU/Sydney") is None
    assert len(await noticed(place, EventKind.IMPOSSIBLE_TRAVEL)) == 3


async def test_a_thief_in_the_owners_city_weighs_little(place: Installation):
    """What it cannot see, stated: same city, a new browser and network; a letter, no more."""
    await signed_in_from(place, "192.0.2.200")
    assert await scores(place) == {"new_device": 35}
    place.clock.turn(HOUR)
    await signed_in_from(place, OFFICE)
    found = await scores(place)
    assert found["new_place"] == 35
    assert "impossible_travel" not in found


async def test_names_in_headers_reach_no_letter(place: Installation):
    """A browser names itself as it likes: what stands in the mail are words of ours."""
    async with place.browser() as browser:
        evil = "Firefox/1 <a href=https://evil.example>click</a> https://evil.example"
        browser.headers |= {"x-forwarded-for": FAR, "user-agent": evil}
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
    [letter] = await mail_for(place, EMAIL)
    assert "evil" not in letter


async def test_what_is_known_of_one_names_nobody_elses_network(place: Installation):
    """Rows of two people who live together cannot be put together without the server's secret."""
    other = await place.add_user("grace@example.com")
    await lives_at_home(place, "grace@example.com")
    ada, grace = await habits_of(place), await habits_of(place, other.id)
    assert {each.name for each in ada.networks}.isdisjoint(each.name for each in grace.networks)


async def test_a_doubted_session_gives_no_code(tmp_path: Path):
    """S107: a copy of its cookie neither: what asks for a sign-in anew asks everybody."""
    async with in_the_world(tmp_path) as place, browser_at(place, HOME) as browser:
        person = Person(place, browser)
        await person.tokens()
        user_id = person.user_id
        sessions = await place.authority.store.read(lambda tx: tx.sessions.of_user(user_id))
        now = int(place.clock())
        await place.authority.store.transact(lambda tx: tx.sessions.doubt(sessions[0].id, now))
        page = await person.open()
        assert 'name="password"' in page.text
        for path in ("/account/apps", "/account/devices", "/account/activity", "/device"):
            assert (await browser.get(path)).status_code == 303, path
        answer = await token_request(place, "app", grant_type="refresh_token", refresh_token="x")
        assert answer.status_code == 400
