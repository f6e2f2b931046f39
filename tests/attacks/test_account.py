"""My account under attack: others' things by their ids, forged and framed forms, odd names."""

import asyncio
from functools import partial

import pytest

from counterfoil.server.protocol import account_deletion, events, revocation
from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio

HOSTILE = "\u202eevil\x1b[31m<b>bold</b>\u200b Firefox/1 Linux"


async def grace(own: Installation) -> Person:
    user = await own.add_user("grace@example.com")
    return Person(own, own.browser(), user.email, user.id)


async def test_what_is_another_s_looks_as_if_it_were_not_there(own: Installation) -> None:
    """An event, a session or a family of somebody else is neither shown nor acted on."""
    other = await grace(own)
    async with own.browser() as browser, other.browser:
        person = Person(own, browser)
        await person.tokens(scope="openid notes:read offline_access")
        await other.sign_in(await other.browser.get("/sign-in"))

        async def names(tx) -> list[str]:
            (session,) = await tx.sessions.of_user(person.user_id)
            (family,) = await tx.families.live_of_user(person.user_id)
            found = await tx.events.find(EventQuery(person=person.user_id, limit=100))
            numbers = [f"event:{each.number}" for each in found]
            return [f"session:{session.id}", f"family:{family.id}", *numbers]

        for name in await own.authority.store.read(names):
            answers = [await other.browser.get(f"/account/not-me?about={name}")]
            fields = hidden_fields((await other.browser.get("/account/profile")).text)
            form = fields | {"about": name}
            answers.append(await other.browser.post("/account/not-me", data=form))
            for answer in answers:
                assert answer.status_code == 400, name
                assert "nothing like this in your account" in answer.text
        activity = (await other.browser.get("/account/activity")).text
        assert person.user_id not in activity
        assert person.email not in activity


async def test_what_others_did_to_a_person_is_not_theirs_to_disown(own: Installation) -> None:
    """It is in their story, but was not done in their name."""
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.code()
        query = EventQuery(kind=EventKind.USER_ADDED, subject=person.user_id)
        (added,) = await own.authority.store.read(lambda tx: tx.events.find(query))
        assert (await browser.get(f"/account/not-me?about=event:{added.number}")).status_code == 400


async def test_a_form_of_another_session_downloads_and_deletes_nothing(own: Installation) -> None:
    """S74: also with the other's cookie-less form, from another site, or framed."""
    other = await grace(own)
    async with own.browser() as browser, other.browser:
        person = Person(own, browser)
        await person.code()
        await other.sign_in(await other.browser.get("/sign-in"))
        for path in ("/account/data", "/account/delete", "/account/not-me"):
            theirs = hidden_fields((await other.browser.get("/account/data")).text)
            form = theirs | {"email": person.email, "about": "event:1"}
            assert (await browser.post(path, data=form)).status_code == 403
            mine = hidden_fields((await browser.get("/account/data")).text)
            site = {"sec-fetch-site": "cross-site"}
            form = mine | {"email": person.email}
            assert (await browser.post(path, data=form, headers=site)).status_code == 403
        page = await browser.get("/account/delete")
        assert page.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_no_browser_or_app_forges_a_line_of_the_activity(own: Installation) -> None:
    """Marks that turn text around, controls and markup: none reaches the person's page."""
    async with own.browser(headers={"user-agent": HOSTILE.encode()}) as browser:
        person = Person(own, browser)
        await person.tokens()
        for room in ("activity", "devices"):
            page = (await browser.get(f"/account/{room}")).text
            assert "Firefox on Linux" in page
            for mark in ("\u202e", "\x1b", "<b>", "evil"):
                assert mark not in page
        answer = await browser.post(
            "/account/data", data=hidden_fields((await browser.get("/account/data")).text)
        )
        assert answer.json()["events"], "in the file it is JSON text, and nothing else"
        assert "\x1b" not in answer.text


async def test_two_deletions_at_once_are_one(own: Installation) -> None:
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.code()
        fields = hidden_fields((await browser.get("/account/delete")).text)
        form = fields | {"email": person.email}
        answers = await asyncio.gather(
            *(browser.post("/account/delete", data=form) for _ in range(4))
        )
        assert [each.status_code for each in answers].count(200) == 1


async def test_who_was_signed_out_meanwhile_deletes_nothing(own: Installation) -> None:
    """A thief's form is on its way while the owner ends everything else."""
    from counterfoil.oauth.errors import OAuthError
    from counterfoil.server.pages.delete_account import _delete
    from counterfoil.server.web.browser import Person as SignedIn

    async with own.browser() as browser:
        person = Person(own, browser)
        await person.code()
        (session,) = await own.authority.store.read(lambda tx: tx.sessions.of_user(person.user_id))
        assert own.user is not None
        work = partial(revocation.end_session, session_id=session.id, by=events.CLI)
        await own.authority.store.transact(work)
        by = events.by_session(session, events.Origin())
        thief = partial(_delete, own.authority.settings, SignedIn(own.user, session), by)
        with pytest.raises(OAuthError, match="too long ago"):
            await own.authority.store.transact(thief)
        assert await own.authority.store.read(lambda tx: tx.users.find(person.user_id))


async def test_of_two_last_administrators_one_stays(own: Installation) -> None:
    bosses = [await own.add_user(f"b{n}@example.com", is_admin=True) for n in range(2)]
    works = [
        partial(account_deletion.delete_account, user_id=boss.id, by=events.CLI) for boss in bosses
    ]
    done = await asyncio.gather(*map(own.authority.store.transact, works), return_exceptions=True)
    assert [isinstance(each, Exception) for each in done].count(False) == 1
    users = await own.authority.store.read(lambda tx: tx.users.every())
    assert [user.is_admin for user in users].count(True) == 1
