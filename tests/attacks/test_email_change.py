"""Accounts taken by their address: hijacked, raced, undone by the wrong one, found out (S72)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import force_setattr, replace

from tests.authenticator import Authenticator
from tests.installation import EMAIL, PASSWORD, Installation, Person, hidden_fields, installed
from tests.joinings import (
    NEW,
    OPEN,
    confirm,
    nobody_has,
    register,
    subjects_for,
    undo,
    user_of,
    want_email,
)
from tests.passkeys import passkeys_of, with_passkey
from tests.recoveries import mail_for, send_all, token_for

pytestmark = pytest.mark.anyio

HERE = OPEN | {"issuer": "http://localhost:9400"}
"""Where there are passkeys: not at the address of a machine."""


@pytest.fixture(scope="module")
async def house(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("house"), **HERE) as house:
        yield house


@asynccontextmanager
async def signed_in(
    house: Installation, email: str, password: str = PASSWORD
) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at a browser who is signed in; they are added where there is no such account."""
    if await nobody_has(house, email):
        await house.add_user(email)
    async with house.browser() as browser:
        person = Person(house, browser, email)
        page = await person.sign_in(await browser.get("/sign-in"), password=password)
        assert page.status_code == 200, page.text
        yield browser


async def test_a_stranger_who_confirms_gives_no_address_away(house: Installation):
    """An attacker types the victim's address for their own account; the victim follows the link.

    Apps that know people by a verified address would take the attacker for the victim.
    """
    async with signed_in(house, "mallory@example.com") as attacker:
        await want_email(attacker, "victim@example.com")
        token = await token_for(house, "victim@example.com")
        async with signed_in(house, "other@example.com") as victim:
            over = await confirm(victim, token)
            assert over.status_code == 410
            assert "Type the address again" in over.text
        async with house.browser() as nobody:
            answer = await confirm(nobody, token)
            assert (answer.status_code, answer.headers["location"]) == (
                303,
                "/sign-in?next=email-link",
            )
    assert await nobody_has(house, "victim@example.com")


async def test_changing_twice_does_not_shake_off_the_owner(house: Installation):
    """A hijacker changes it, and changes it again; the first letter takes the account back, and
    the hijacker's own letter nothing afterwards."""
    owner = "owner@example.com"
    async with signed_in(house, owner) as hijacker:
        for email in ("one@evil.example", "two@evil.example"):
            await want_email(hijacker, email)
            assert (await confirm(hijacker, await token_for(house, email))).status_code == 200
        mine = await token_for(house, "one@evil.example")
        async with house.browser() as mailbox:
            assert (await undo(mailbox, await token_for(house, owner))).status_code == 200
            assert (await undo(mailbox, mine)).status_code == 410
        assert (await hijacker.get("/account/email")).status_code == 303
    assert not await nobody_has(house, owner)
    async with signed_in(house, owner, NEW):
        pass


async def test_the_hijackers_own_letter_takes_no_way_back_from_the_owner(house: Installation):
    """All within one second, as a program does it: what was changed earlier is not later."""
    owner = "swift@example.com"
    async with signed_in(house, owner) as hijacker:
        for email in ("swift-one@evil.example", "swift-two@evil.example"):
            await want_email(hijacker, email)
            assert (await confirm(hijacker, await token_for(house, email))).status_code == 200
    async with house.browser() as mailbox:
        mine = await token_for(house, "swift-one@evil.example")
        assert (await undo(mailbox, mine)).status_code == 200
        assert (await undo(mailbox, await token_for(house, owner))).status_code == 200
    assert not await nobody_has(house, owner)


@pytest.mark.parametrize("removes", [True, False])
async def test_a_hijackers_passkey_is_shown_and_goes_with_the_undoing(
    house: Installation, *, removes: bool
):
    """Its letter went to the hijacker: without that, the owner would never learn of it."""
    user = await house.add_user(f"keyed-{removes}@example.com")
    async with house.browser() as browser, signed_in(house, user.email) as hijacker:
        person = Person(house, browser, user.email, user.id)
        new = f"keyed-{removes}@evil.example"
        await want_email(hijacker, new)
        assert (await confirm(hijacker, await token_for(house, new))).status_code == 200
        await with_passkey(person, Authenticator(house.authority.issuer))
        token = await token_for(house, user.email)
        await browser.get("/undo-email", params={"token": token})
        assert "Phone, made on" in (await browser.get("/undo-email")).text
        chosen = {"passkeys": "remove"} if removes else {}
        assert (await undo(browser, token, **chosen)).status_code == 200
        assert len(await passkeys_of(person)) == (0 if removes else 1)


async def test_who_must_show_more_keeps_their_passkeys(on_engine: str, tmp_path: Path):
    """Where a password is not enough, the mail of an address from before is not enough either."""
    async with installed(tmp_path, **HERE) as house, signed_in(house, "head@example.com") as own:
        person = Person(
            house, own, "head@example.com", (await user_of(house, "head@example.com")).id
        )
        await want_email(own, "head@new.example")
        await confirm(own, await token_for(house, "head@new.example"))
        passkey = await with_passkey(person, Authenticator(house.authority.issuer))
        demanding = replace(house.authority.settings, second_factor_for="everyone")
        force_setattr(house.authority, "settings", demanding)
        token = await token_for(house, person.email)
        async with house.browser() as mailbox:
            await mailbox.get("/undo-email", params={"token": token})
            assert "They stay." in (await mailbox.get("/undo-email")).text
            assert (await undo(mailbox, token, passkeys="remove")).status_code == 200
        assert await passkeys_of(person) == [passkey]


async def test_a_change_that_was_begun_ends_with_the_undoing(house: Installation):
    """What the hijacker had sent to themselves before is worth nothing."""
    async with signed_in(house, "begun@example.com") as hijacker:
        await want_email(hijacker, "first@evil.example")
        await confirm(hijacker, await token_for(house, "first@evil.example"))
        await want_email(hijacker, "second@evil.example")
        waiting = await token_for(house, "second@evil.example")
        async with house.browser() as mailbox:
            await undo(mailbox, await token_for(house, "begun@example.com"))
    async with signed_in(house, "begun@example.com", NEW) as owner:
        assert (await confirm(owner, waiting)).status_code == 410


async def test_it_can_be_undone_once_and_for_some_days(house: Installation):
    async with signed_in(house, "days@example.com") as browser:
        await want_email(browser, "days@new.example")
        await confirm(browser, await token_for(house, "days@new.example"))
    token = await token_for(house, "days@example.com")
    house.clock.turn(7 * 24 * 3600)
    async with house.browser() as late:
        assert (await undo(late, token)).status_code == 410
    assert not await nobody_has(house, "days@new.example")
    assert await house.authority.store.transact(lambda tx: tx.email_changes.sweep(99)) >= 1


async def test_of_two_accounts_one_gets_an_address(house: Installation):
    """Both had proved it in time."""
    wanted = "both@new.example"
    async with (
        signed_in(house, "left@example.com") as left,
        signed_in(house, "right@example.com") as right,
    ):
        await want_email(left, wanted)
        first = await token_for(house, wanted)
        await want_email(right, wanted)
        second = await token_for(house, wanted)
        answers = await asyncio.gather(confirm(left, first), confirm(right, second))
    assert sorted(each.status_code for each in answers) == [200, 410]


async def test_the_answer_does_not_tell_whose_an_address_is(house: Installation):
    """The owner of the address is told; nothing changes."""
    async with signed_in(house, "curious@example.com") as browser:
        await user_of(house, EMAIL)
        known = await want_email(browser, EMAIL)
        unknown = await want_email(browser, "nob@example.com")
    assert known.status_code == unknown.status_code == 200
    assert known.text.replace(EMAIL, "x") == unknown.text.replace("nob@example.com", "x")
    assert "You have an account already" in await subjects_for(house, EMAIL)
    assert all("token" not in text for text in await mail_for(house, EMAIL))


async def test_a_stolen_session_that_is_old_changes_nothing(house: Installation):
    """The sign-in page comes first, and again for a form that was opened in time."""
    async with signed_in(house, "stale@example.com") as browser:
        page = await browser.get("/account/email")
        house.clock.turn(15 * 60)
        answer = await browser.get("/account/email")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=email")
        form = hidden_fields(page.text) | {"email": "thief@evil.example"}
        assert (await browser.post("/account/email", data=form)).status_code == 303
        await send_all(house)
        assert await subjects_for(house, "thief@evil.example") == []


async def test_a_form_that_is_not_ours_changes_nothing(house: Installation):
    """CSRF, at each of the three forms."""
    async with signed_in(house, "forms@example.com") as browser:
        for form in ({}, {"csrf": "x"}):
            asked = form | {"email": "forged@evil.example"}
            assert (await browser.post("/account/email", data=asked)).status_code == 403
        await want_email(browser, "forms@new.example")
        token = await token_for(house, "forms@new.example")
        await browser.get("/account/email/confirm", params={"token": token})
        assert (await browser.post("/account/email/confirm", data={"csrf": "x"})).status_code == 403
        assert (await confirm(browser, token)).status_code == 200
    async with house.browser() as mailbox:
        back = await token_for(house, "forms@example.com")
        await mailbox.get("/undo-email", params={"token": back})
        forged = {"new": NEW, "again": NEW}
        assert (await mailbox.post("/undo-email", data=forged)).status_code == 403


async def test_a_scanner_changes_and_undoes_nothing(house: Installation):
    async with signed_in(house, "scan@example.com") as browser:
        await want_email(browser, "scan@new.example")
        token = await token_for(house, "scan@new.example")
        async with house.browser(follow_redirects=True) as scanner:
            await scanner.get("/account/email/confirm", params={"token": token})
        assert await nobody_has(house, "scan@new.example")
        assert (await confirm(browser, token)).status_code == 200
        async with house.browser(follow_redirects=True) as scanner:
            back = await token_for(house, "scan@example.com")
            await scanner.get("/undo-email", params={"token": back})
        assert await nobody_has(house, "scan@example.com")


async def test_an_address_that_was_given_up_is_free_and_not_taken_back(house: Installation):
    """Somebody else proved it in the meantime: it stays theirs."""
    async with signed_in(house, "moved@example.com") as browser:
        await want_email(browser, "moved@new.example")
        await confirm(browser, await token_for(house, "moved@new.example"))
    token = await token_for(house, "moved@example.com")
    heir = await house.add_user("moved@example.com")
    async with house.browser() as late:
        assert (await undo(late, token)).status_code == 410
    assert (await user_of(house, "moved@example.com")).id == heir.id


async def test_an_address_waits_for_nobody_who_registers_it(house: Installation):
    """What is only wanted is not taken: who proves it first has it."""
    async with signed_in(house, "slow@example.com") as browser:
        await want_email(browser, "wanted@new.example")
        token = await token_for(house, "wanted@new.example")
        await house.add_user("wanted@new.example")
        assert (await confirm(browser, token)).status_code == 410
        await register(browser, "wanted@new.example")
    assert "You have an account already" in await subjects_for(house, "wanted@new.example")


async def test_guards_drop_what_they_know(house: Installation):
    """S67: a notice names each family of the person."""
    async with signed_in(house, "guarded@example.com") as browser:
        person = Person(house, browser, "guarded@example.com")
        await person.tokens()

        async def head(tx: Any) -> int:
            return (await tx.notices.head())[0].number

        before = await house.authority.store.read(head)
        await want_email(browser, "guarded@new.example")
        await confirm(browser, await token_for(house, "guarded@new.example"))
        assert await house.authority.store.read(head) == before + 1
