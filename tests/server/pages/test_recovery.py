"""Getting back in: asked for, sent, opened anywhere, and a new password chosen (S72)."""

from pathlib import Path

import pytest

from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import PASSWORD, Installation, Person, installed
from tests.recoveries import NEW, ask, choose, mail_for, open_link, send_all, token_for

pytestmark = pytest.mark.anyio


async def test_a_person_gets_back_in_on_another_device(
    place: Installation, person: Person, visitor: Person
):
    """Asked at one browser, opened at another; the old password is over, and so is all of hers."""
    await visitor.tokens()
    page = await person.browser.get("/sign-in")
    assert 'href="/forgotten-password"' in page.text
    asked = await ask(person.browser, person.email)
    assert asked.status_code == 200
    assert "Look into your mailbox" in asked.text
    async with place.browser() as phone:
        opened = await open_link(phone, await token_for(place, person.email))
        assert CONSEQUENCES[Cause.PASSWORD_RESET].sentence in opened.text
        assert person.email in opened.text
        done = await choose(phone, opened)
        assert "You have a new password" in done.text
        assert "1 browser was signed out and 1 session of an app ended." in done.text
        assert (await phone.get("/account/apps")).status_code == 303, "nobody is signed in by it"
    assert (await visitor.browser.get("/account/apps")).status_code == 303
    for password, status in ((PASSWORD, 400), (NEW, 200)):
        again = await person.browser.get("/sign-in")
        assert (await person.sign_in(again, password=password)).status_code == status


async def test_the_owner_is_told_afterwards(place: Installation, person: Person):
    await ask(person.browser, person.email)
    page = await open_link(person.browser, await token_for(place, person.email))
    await choose(person.browser, page)
    last, _ = await mail_for(place, person.email)
    assert "A new password was chosen" in last
    assert f"{place.issuer}/forgotten-password" in last
    assert "token" not in last


async def test_the_log_says_who_asked_and_by_what_it_was_set(place: Installation, person: Person):
    await ask(person.browser, person.email)
    page = await open_link(person.browser, await token_for(place, person.email))
    await choose(person.browser, page)
    query = EventQuery(subject=person.user_id)
    found = await place.authority.store.read(lambda tx: tx.events.find(query))
    known = {each.kind: each.proof for each in found}
    assert known[EventKind.RECOVERY_STARTED] == "none"
    actors = {each.kind: each.actor for each in found}
    assert actors[EventKind.RECOVERY_STARTED] == "anyone"
    assert actors[EventKind.PASSWORD_RESET] == f"user:{person.user_id}"
    assert known[EventKind.PASSWORD_RESET] == "link"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"again": "something else"}, "The two new passwords are not the same."),
        ({"link": "\u00e9\u2028x"}, "Another link was opened in this browser since."),
        ({"new": "short", "again": "short"}, "at least 8"),
        ({"new": "x" * 257, "again": "x" * 257}, "at most 256"),
    ],
)
async def test_what_is_mistyped_spends_nothing(
    place: Installation, person: Person, fields: dict[str, str], sentence: str
):
    await ask(person.browser, person.email)
    page = await open_link(person.browser, await token_for(place, person.email))
    again = await choose(person.browser, page, **fields)
    assert again.status_code == 400
    assert sentence in again.text
    assert (await choose(person.browser, again)).status_code == 200


async def test_a_lock_is_lifted_with_the_password(place: Installation, person: Person):
    """Whoever read the mail is not held up by who guessed."""

    async def lock(tx):
        await tx.users.note_failure(person.user_id, tx.now + 300)

    await place.authority.store.transact(lock)
    await ask(person.browser, person.email)
    page = await open_link(person.browser, await token_for(place, person.email))
    await choose(person.browser, page)
    again = await person.browser.get("/sign-in")
    assert (await person.sign_in(again, password=NEW)).status_code == 200


@pytest.mark.parametrize("email", ["", "ada", "x" * 250 + "@example.com"])
async def test_what_is_no_address_is_said_at_once(person: Person, email: str):
    answer = await ask(person.browser, email)
    assert answer.status_code == 400
    assert "Type the email address of your account." in answer.text


async def test_the_mail_is_in_the_readers_language(place: Installation, person: Person):
    await ask(person.browser, person.email, **{"accept-language": "de-AT,de;q=0.9"})
    (text,) = await mail_for(place, person.email)
    assert "60 Minuten" in text


async def test_a_link_that_is_over_says_so_and_what_to_do(person: Person):
    page = await person.browser.get("/new-password")
    assert page.status_code == 410
    assert 'href="/forgotten-password"' in page.text


async def test_where_no_mail_is_sent_nothing_is_offered(tmp_path: Path):
    async with (
        installed(tmp_path, issuer="https://id.example") as place,
        place.browser() as browser,
    ):
        assert "forgotten-password" not in (await browser.get("/sign-in")).text
        page = await browser.get("/forgotten-password")
        assert page.status_code == 404
        assert "This server sends no mail" in page.text
        assert (await browser.post("/forgotten-password", data={})).status_code == 404


async def test_too_many_letters_are_not_kept(tmp_path: Path):
    async with installed(tmp_path, mail_most=1) as place, place.browser() as browser:
        answers = [await ask(browser, f"{name}@example.com") for name in ("a", "b")]
        # Whether the first has been sent already is chance: nobody waits for it here.
        assert answers[0].status_code == 200
        assert answers[1].status_code in {200, 503}
        await send_all(place)
        assert (await ask(browser, "c@example.com")).status_code == 200
