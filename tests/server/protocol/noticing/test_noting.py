"""Noticing at a sign-in, through the pages: what is written, who is told, and what is learned."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.noticing.noting import network_name
from counterfoil.server.protocol.own_data import parts_of
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.habits import NO_HABITS
from tests.installation import EMAIL, Installation, Person, hidden_fields
from tests.noticing import (
    DAY,
    FAR,
    HOME,
    OFFICE,
    browser_at,
    habits_of,
    in_the_world,
    lives_at_home,
    noticed,
    scores,
    signed_in_from,
)
from tests.recoveries import mail_for, send_all

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with in_the_world(tmp_path) as place:
        yield place


async def test_the_first_sign_in_teaches_and_tells_nothing(place: Installation):
    await signed_in_from(place, HOME)
    assert await noticed(place) == []
    habits = await habits_of(place)
    assert [each.name for each in habits.places] == ["DE/Berlin"]
    assert habits.counted == 1
    assert "192.0.2" not in str(habits), "no address, and no network as it is"


async def test_a_new_browser_from_far_away_is_told_by_mail(place: Installation):
    """S107, S108: events with scores and reasons, and one letter, which leads to "not me"."""
    await lives_at_home(place)
    await signed_in_from(place, FAR)
    assert await scores(place) == {"new_device": 60, "new_place": 65}
    [event] = await noticed(place, EventKind.NEW_PLACE)
    assert event.address == FAR
    assert event.detail["reasons"] == (
        "No sign-in from Sydney, Australia before. Known are Berlin."
    )
    assert event.detail["done"] == "tell"
    [letter] = await mail_for(place, EMAIL)
    assert "Browser: Firefox, Linux" in letter
    assert f"From: Sydney, Australia ({FAR})" in letter
    assert f"/account/not-me?about=session:{event.detail['session_id']}" in letter


async def test_the_link_of_the_letter_leads_to_the_form(place: Installation):
    """S38: whoever opens it signs in, and sees what it is about."""
    await lives_at_home(place)
    await signed_in_from(place, FAR)
    [letter] = await mail_for(place, EMAIL)
    link = next(word for word in letter.split() if "/account/not-me" in word)
    async with browser_at(place, HOME) as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        page = await browser.get(link)
        assert page.status_code == 200
        assert f"Sydney, Australia ({FAR})" in page.text


async def test_a_place_is_new_once(place: Installation):
    await lives_at_home(place)
    for _ in range(3):
        await signed_in_from(place, FAR)
        await send_all(place)
        place.clock.turn(DAY)
    assert len(await noticed(place, EventKind.NEW_PLACE)) == 1
    assert len(await mail_for(place, EMAIL)) == 1


async def test_a_session_renewed_in_its_browser_is_no_new_browser(place: Installation):
    async with browser_at(place, HOME) as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        place.clock.turn(DAY)
        await person.sign_in(await browser.get("/sign-in"))
    assert await noticed(place) == []


async def test_a_browser_that_signed_in_before_is_known(place: Installation):
    """Wherever it is now, though its session has ended: until its acquaintance is too old."""
    async with browser_at(place, HOME) as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        place.clock.turn(DAY)
        for address, after in ((OFFICE, DAY), ("10.1.1.1", 91 * DAY), ("10.2.1.1", 0)):
            page = await browser.get("/account/apps")
            if page.status_code == 200:
                form = hidden_fields(page.text)
                assert (await browser.post("/account/sign-out", data=form)).status_code == 303
            browser.headers["x-forwarded-for"] = address
            await person.sign_in(await browser.get("/sign-in"))
            place.clock.turn(after)
    [event] = await noticed(place, EventKind.NEW_DEVICE)
    assert event.address == "10.2.1.1"


async def test_in_forty_minutes_nobody_is_on_the_other_side(place: Installation):
    """S107: whoever has nothing more to show comes in, and is told; it teaches nothing."""
    await lives_at_home(place)
    await signed_in_from(place, HOME)
    place.clock.turn(40 * 60)
    await signed_in_from(place, FAR)
    [event] = await noticed(place, EventKind.IMPOSSIBLE_TRAVEL)
    assert int(event.detail["score"]) == 95
    assert "40 minutes before" in event.detail["reasons"]
    assert event.detail["done"] == "step_up tell"
    habits = await habits_of(place)
    assert habits.place("AU/Sydney") is None
    assert habits.stood is not None
    assert habits.stood.place.city == "Berlin"


async def test_in_a_day_somebody_may_have_flown(place: Installation):
    await lives_at_home(place)
    await signed_in_from(place, FAR)
    assert await noticed(place, EventKind.IMPOSSIBLE_TRAVEL) == []


async def test_a_town_nearby_is_an_event_and_no_letter(place: Installation):
    await lives_at_home(place)
    await signed_in_from(place, HOME)
    place.clock.turn(3600)
    async with browser_at(place, HOME) as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        browser.headers["x-forwarded-for"] = OFFICE
        await person.sign_in(await browser.get("/sign-in"))
    assert (await scores(place))["new_place"] == 35
    assert await mail_for(place, EMAIL) == []


async def test_without_a_file_networks_are_told_apart(tmp_path: Path):
    """S06: places are not known, and nothing is made up."""
    async with in_the_world(tmp_path, places_file=None) as place:
        await lives_at_home(place)
        await signed_in_from(place, HOME)
        await signed_in_from(place, FAR)
        assert await scores(place) == {"new_device": 60}
        [letter] = await mail_for(place, EMAIL)
        assert f"From: {FAR}" in letter


async def test_what_is_off_is_not_looked_for(tmp_path: Path):
    off = {"notice_new_device": ["off"], "notice_new_place": ["tell:90"]}
    async with in_the_world(tmp_path, **off) as place:
        await lives_at_home(place)
        await signed_in_from(place, FAR)
        assert await scores(place) == {"new_place": 65}
        assert await mail_for(place, EMAIL) == []


async def test_failures_before_are_counted_by_their_network(place: Installation):
    """S108: a password that was guessed, from where it was guessed."""
    await lives_at_home(place)
    async with browser_at(place, OFFICE) as browser:
        person = Person(place, browser)
        for _ in range(6):
            await person.sign_in(await browser.get("/sign-in"), password="wrong")
        await person.sign_in(await browser.get("/sign-in"))
    [event] = await noticed(place, EventKind.FAILURES_BEFORE)
    assert event.detail["score"] == "78"
    assert event.detail["reasons"].startswith("6 wrong passwords came from this network")


async def test_the_activity_says_why(place: Installation):
    """S108: in plain words, with the score."""
    await lives_at_home(place)
    await signed_in_from(place, FAR)
    async with browser_at(place, HOME) as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        page = await browser.get("/account/activity")
    text = " ".join(page.text.split())
    assert (
        "A sign-in came from a new place. No sign-in from Sydney, Australia before. Known are "
        "Berlin. (Score 65 of 100.)"
    ) in text


async def test_people_take_it_with_them_and_it_goes_with_them(place: Installation):
    """S111: what is kept is theirs; erased, the line says the score and names nobody."""
    await lives_at_home(place)
    await signed_in_from(place, FAR)
    assert place.user is not None
    user, store = place.user, place.authority.store
    parts = await store.read(lambda tx: parts_of(tx, user))
    [habits] = parts["habits"]
    assert [each["name"] for each in habits["places"]] == ["DE/Berlin", "AU/Sydney"]
    await store.transact(lambda tx: erase_from_log(tx, user.id, CLI))
    [event] = await noticed(place, EventKind.NEW_PLACE)
    assert event.detail == {"score": "65", "done": "tell"}
    await store.transact(lambda tx: tx.users.remove(user.id))
    assert await habits_of(place) == NO_HABITS


async def test_a_network_has_another_name_for_each_person(place: Installation):
    """Rows of two people do not tell that they share one."""
    one, other = (network_name(place.authority, user_id, HOME) for user_id in ("u1", "u2"))
    assert one != other
    assert one == network_name(place.authority, "u1", "192.0.2.200"), "it is the network's"
