"""Codes by mail: guessed, moved, replayed, outlived, flooded; one mailbox for all (ASVS V6.6)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import (
    half_sign_in,
    joining,
    mailed_code_choice,
    mailed_code_sign_in,
)
from counterfoil.server.identity.enrolment import Confirmation, Setup, enrol_on_the_way
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.mailed_code import Sent
from counterfoil.server.identity.second_factor import Shown
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.session import Origin, Session
from tests.attacks.test_second_passkeys import ISSUER, owner_at
from tests.flows.test_remembered_browsers import ada, close, comes_back, signed_in
from tests.installation import Installation, Person, hidden_fields, restarted
from tests.joinings import confirm as confirm_email
from tests.joinings import undo, want_email
from tests.mailed_codes import (
    CHOICE,
    CODE,
    ask,
    choose,
    codes_for,
    confirm,
    send_first,
    sending,
    type_in,
)
from tests.noticing import FAR, HOME, browser_at, in_the_world, lives_at_home
from tests.passkeys import sign_in_at
from tests.recoveries import NEW, mail_for, open_link, token_for
from tests.recoveries import ask as ask_for_link
from tests.recoveries import choose as choose_password
from tests.second_factors import SECOND, code_of, enrol, events_of, half, is_in, show
from tests.second_factors import confirm as confirm_app
from tests.shared import UNTHROTTLED

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is decided asks no engine")]
SEND = "Send me a code by mail"
COOKIE = "counterfoil_half_sign_in"
HOUR = 3600


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with sending(tmp_path_factory.mktemp("place")) as place:
        yield place


@pytest.fixture
async def owner(place: Installation) -> AsyncIterator[Person]:
    """Somebody who has codes sent, and is signed in at a browser."""
    email = f"{secrets.token_hex(6)}@example.com"
    user = await place.add_user(email)
    async with place.browser() as browser:
        owner = Person(place, browser, email, user.id)
        await choose(owner)
        yield owner


@pytest.fixture
async def thief(place: Installation, owner: Person) -> AsyncIterator[Person]:
    """Somebody who knows the password, at a browser of their own."""
    async with place.browser() as browser:
        yield Person(place, browser, owner.email, owner.user_id)


@pytest.fixture
async def elsewhere(place: Installation, owner: Person) -> AsyncIterator[Person]:
    """The owner, at another browser."""
    async with place.browser() as browser:
        yield Person(place, browser, owner.email, owner.user_id)


async def asked(person: Person) -> tuple[httpx2.Response, str]:
    """Show the password and have a code sent; gives the page, and the code."""
    page = await ask(person, await half(person))
    return page, (await codes_for(person))[0]


def other_than(code: str) -> str:
    """A code that is wrong."""
    return str((int(code.replace(" ", "")) + 1) % 10**8).zfill(8)


@pytest.mark.parametrize("wait", [0, 9 * 60])
async def test_a_code_is_good_in_the_browser_that_asked_for_it_and_once(
    place: Installation, elsewhere: Person, thief: Person, wait: int
):
    """Whoever has the password and reads over a shoulder is at another half of a sign-in."""
    page, code = await asked(elsewhere)
    theirs = await half(thief)
    assert (await type_in(thief, theirs, code)).status_code == 400
    assert not await is_in(thief)
    place.clock.turn(wait)
    await type_in(elsewhere, page, code)
    assert await is_in(elsewhere)
    assert (await type_in(thief, theirs, code)).status_code != 303
    assert not await is_in(thief)


async def test_a_copy_of_the_half_is_worth_nothing_once_it_has_become_a_session(
    elsewhere: Person,
):
    page, code = await asked(elsewhere)
    kept = elsewhere.browser.cookies[COOKIE]
    await type_in(elsewhere, page, code)
    apps = await elsewhere.browser.get("/account/apps")
    await elsewhere.browser.post("/account/sign-out", data=hidden_fields(apps.text))
    elsewhere.browser.cookies.set(COOKIE, kept)
    again = await ask(elsewhere, await elsewhere.browser.get(SECOND))
    for each in (code, (await codes_for(elsewhere))[0]):
        await type_in(elsewhere, again, each)
        assert not await is_in(elsewhere)


async def test_of_two_who_type_it_at_once_one_comes_in(elsewhere: Person):
    page, code = await asked(elsewhere)
    form = hidden_fields(page.text) | {"code": code}
    answers = await asyncio.gather(*(elsewhere.browser.post(CODE, data=form) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [303, 400, 400]


async def test_a_newer_code_ends_the_one_before_wherever_it_was_asked_for(
    elsewhere: Person, thief: Person
):
    page, first = await asked(elsewhere)
    page, second = await asked(elsewhere)
    assert (await type_in(elsewhere, page, first)).status_code == 400
    theirs, _ = await asked(thief)
    assert (await type_in(elsewhere, page, second)).status_code == 400
    assert (await type_in(thief, theirs, second)).status_code == 400
    assert not await is_in(elsewhere)
    assert not await is_in(thief)


async def test_a_code_is_over_with_the_half_that_asked_for_it(
    place: Installation, elsewhere: Person
):
    """Ten minutes after the password, however late it was sent."""
    page = await half(elsewhere)
    place.clock.turn(9 * 60)
    page = await ask(elsewhere, page)
    code = (await codes_for(elsewhere))[0]
    assert "within 1 minutes" in " ".join((await mail_for(place, elsewhere.email))[0].split())
    place.clock.turn(61)
    await type_in(elsewhere, page, code)
    assert not await is_in(elsewhere)


async def test_it_is_not_guessed_by_many_halves_and_a_right_code_waits_out_the_pause(
    place: Installation, elsewhere: Person
):
    """Wrong codes are counted for the person, not for the half; and so is the pause."""
    for _ in range(5):
        page, code = await asked(elsewhere)
        assert (await type_in(elsewhere, page, other_than(code))).status_code == 400
        place.clock.turn(HOUR)
    failed = await events_of(place, EventKind.SECOND_FACTOR_FAILED, elsewhere.user_id)
    assert len(failed) == 5
    async with place.browser() as browser:
        thief = Person(place, browser, elsewhere.email, elsewhere.user_id)
        page, code = await asked(thief)
        for number in range(6):
            place.clock.turn(1)
            await type_in(thief, page, str(number) * 8)
        assert (await type_in(thief, page, code)).status_code == 400, "nothing is looked at now"
        assert not await is_in(thief)


async def test_half_a_sign_in_of_who_lets_codes_go_begins_anew(owner: Person, elsewhere: Person):
    """Nothing is due any more that it could show; a password alone adds no app either."""
    page = await half(elsewhere)
    assert SEND in page.text
    off = f"{CHOICE}/off"
    form = hidden_fields((await owner.browser.get(off)).text)
    assert (await owner.browser.post(off, data=form)).status_code == 303
    page = await ask(elsewhere, page)
    assert "Set up an authenticator app" not in page.text
    await elsewhere.sign_in(page)
    assert await is_in(elsewhere)


async def test_codes_are_tried_so_often_from_one_address(tmp_path: Path):
    """However many people's passwords somebody knows; then a right one is not looked at either."""
    most = 12
    async with sending(tmp_path, sign_in_rate_per_minute=most) as place, place.browser() as browser:
        user = await place.add_user("tried@example.com")
        guesser = Person(place, browser, user.email, user.id)
        await choose(guesser)
        apps = await browser.get("/account/apps")
        await browser.post("/account/sign-out", data=hidden_fields(apps.text))
        page, code = await asked(guesser)
        tried = [(await type_in(guesser, page, other_than(code))).status_code for _ in range(most)]
        assert (tried[0], tried[-1]) == (400, 429)
        assert (await type_in(guesser, page, code)).status_code == 429
        assert not await is_in(guesser)


async def test_right_codes_forgive_no_guess_at_the_app(
    place: Installation, owner: Person, thief: Person
):
    """Whoever reads the mail and has the password would else guess at the app for ever."""
    page = await owner.browser.get("/sign-in/authenticator?next=security")
    await confirm_app(owner, page)
    page = await half(thief)
    for number in range(4):
        form = hidden_fields(page.text) | {"code": f"00000{number}"}
        assert (await thief.browser.post(SECOND, data=form)).status_code == 400
    page = await ask(thief, page)
    await type_in(thief, page, (await codes_for(thief))[0])
    assert await is_in(thief)
    failures = await place.authority.store.read(
        lambda tx: tx.second_factors.failures(owner.user_id)
    )
    assert failures.failures == 4


async def test_after_a_reset_by_mail_the_mailbox_is_not_asked_a_second_time(
    place: Installation, owner: Person, thief: Person
):
    """One mailbox would be everything: who has an app shows that, and codes by mail are off."""
    page = await owner.browser.get("/sign-in/authenticator?next=security")
    app, _ = await confirm_app(owner, page)
    before, code = await asked(thief)
    await ask_for_link(thief.browser, owner.email)
    opened = await open_link(thief.browser, await token_for(place, owner.email))
    assert "Where codes by mail were switched on, they are off" in opened.text
    assert (await choose_password(thief.browser, opened)).status_code == 200
    await type_in(thief, before, code)
    assert not await is_in(thief), "the half from before is over"
    page = await thief.sign_in(await thief.browser.get("/sign-in"), password=NEW)
    assert "Code of your authenticator app" in page.text
    assert SEND not in page.text
    await thief.browser.post(f"{CODE}/send", data=hidden_fields(page.text))
    assert (await codes_for(owner))[0] == code, "none is sent any more"
    place.clock.turn(30 * 24 * HOUR)
    page = await thief.sign_in(await thief.browser.get("/sign-in"), password=NEW)
    assert SEND not in page.text, "nor is it a matter of waiting"
    await show(thief, page, app.code())
    assert await is_in(thief)
    (removed,) = await events_of(place, EventKind.MAILED_CODES_REMOVED, owner.user_id)
    assert removed.detail == {"why": "password_reset"}


async def test_a_code_of_an_address_from_before_is_over(
    place: Installation, owner: Person, elsewhere: Person
):
    """Whoever reads the mailbox that the account had does not come in by it."""
    page, code = await asked(elsewhere)

    async def change(tx: object) -> None:
        users = tx.users
        assert await users.change_email(owner.user_id, owner.email, f"new-{owner.email}", 1)

    await place.authority.store.transact(change)
    assert (await type_in(elsewhere, page, code)).status_code == 400
    assert not await is_in(elsewhere)


async def test_who_does_not_know_the_password_learns_nothing_and_has_nothing_sent(
    place: Installation, owner: Person
):
    sent = len(await mail_for(place, owner.email))
    async with place.browser() as browser:
        stranger = Person(place, browser, owner.email, owner.user_id)
        page = await browser.get("/sign-in")
        answers = [
            (await stranger.sign_in(page, email, "wrong wrong wrong")).text.replace(email, "")
            for email in (owner.email, "nobody-at-all@example.com")
        ]
        assert answers[0] == answers[1]
        assert SEND not in answers[0]
        page = await browser.get("/sign-in")
        answer = await browser.post(f"{CODE}/send", data=hidden_fields(page.text))
        assert answer.headers["location"].startswith("/sign-in")
        answer = await browser.post(CODE, data=hidden_fields(page.text) | {"code": "12345678"})
        assert answer.headers["location"].startswith("/sign-in")
    assert len(await mail_for(place, owner.email)) == sent


async def test_a_mailbox_is_not_flooded_and_the_owners_own_browser_may_still_ask(
    place: Installation, owner: Person, thief: Person
):
    page = await half(thief)
    before = len(await codes_for(owner))
    for _ in range(8):
        answer = await ask(thief, page)
    assert answer.status_code == 429
    assert "Too many codes were sent" in answer.text
    assert len(await codes_for(owner)) == before + 5
    apps = await owner.browser.get("/account/apps")
    await owner.browser.post("/account/sign-out", data=hidden_fields(apps.text))
    page, code = await asked(owner)
    await type_in(owner, page, code)
    assert await is_in(owner)


async def test_a_forged_form_has_nothing_sent_and_no_page_that_is_looked_at_does(
    place: Installation, owner: Person, elsewhere: Person
):
    """Another site cannot have mail sent, nor type for somebody; what is looked at sends none."""
    page = await half(elsewhere)
    before = len(await mail_for(place, owner.email))
    for path in (f"{CODE}/send", CODE):
        answer = await elsewhere.browser.post(path, data={"code": "12345678"})
        assert answer.status_code in {400, 403}, path
    for path in (CODE, SECOND, CHOICE, f"{CHOICE}/confirm", f"{CHOICE}/off"):
        await elsewhere.browser.get(path)
        await owner.browser.get(path)
    form = hidden_fields(page.text)
    assert (await elsewhere.browser.get(f"{CODE}/send", params=form)).status_code in {404, 405}
    assert len(await mail_for(place, owner.email)) == before


async def test_a_code_to_choose_them_is_none_to_sign_in_nor_the_other_way_round(
    place: Installation, thief: Person
):
    email = f"{secrets.token_hex(6)}@example.com"
    user = await place.add_user(email)
    async with place.browser() as one, place.browser() as two:
        first, second = Person(place, one, email, user.id), Person(place, two, email, user.id)
        page = await send_first(first)
        (code,) = await codes_for(first)
        answer = await confirm(second, await send_first(second), code)
        assert answer.status_code == 400, "another session of the same person"
        assert (await confirm(first, page, code)).status_code == 400, "a newer one ended it"
    failed = await events_of(place, EventKind.SECOND_FACTOR_FAILED, user.id)
    assert [each.detail for each in failed] == [{"at": "mailed_code"}] * 2, "a guess is a guess"


async def test_a_copy_of_the_database_shows_no_code(place: Installation, elsewhere: Person):
    """Neither while its letter waits nor afterwards; and nothing in the log is made of it."""
    page = await half(elsewhere)
    await elsewhere.browser.post(f"{CODE}/send", data=hidden_fields(page.text))
    files = [each for each in place.authority.settings.data.rglob("*") if each.is_file()]
    waiting = b"".join(each.read_bytes() for each in files)
    code = (await codes_for(elsewhere))[0]
    kept = await place.authority.store.read(lambda tx: tx.events.find(EventQuery(limit=200)))
    told = " ".join(str(each) for each in kept).encode()
    sent = b"".join(each.read_bytes() for each in files)
    assert elsewhere.email.encode() in sent
    for shown in (code, code.replace(" ", "")):
        assert shown.encode() not in waiting + sent + told


async def test_who_enrolled_an_app_is_not_made_weaker_without_choosing_it(
    place: Installation,
):
    """The operator allows it; that alone offers it to nobody."""
    email = f"{secrets.token_hex(6)}@example.com"
    user = await place.add_user(email, email_verified=True)
    async with place.browser() as browser, place.browser() as other:
        await enrol(Person(place, browser, email, user.id))
        thief = Person(place, other, email, user.id)
        page = await half(thief)
        assert SEND not in page.text
        await ask(thief, page)
        assert await codes_for(thief) == []


async def test_a_first_password_by_mail_is_no_other_than_a_new_one(place: Installation):
    """Who comes by a provider alone, has codes sent, and is invited: the mailbox is all of it."""
    authority, email = place.authority, f"{secrets.token_hex(6)}@example.com"

    async def invited(tx: Any) -> str:
        new = registration.NewUser(email, None, email_verified=True)
        user = await registration.add_user(tx, new, CLI)
        await tx.second_factors.choose_mailed_codes(user.id, tx.now)
        await joining.invite(authority, tx, user, CLI)
        return user.id

    user_id = await authority.store.transact(invited)
    token = await token_for(place, email)
    choice = joining.Joining(Secret(token), "Ada", Secret(NEW), Origin("", ""), None)
    assert await joining.join(authority, place.server.passwords, choice) is not None
    factors = await authority.store.read(lambda tx: tx.second_factors.of_user(user_id))
    assert factors.mailed_since is None


async def test_what_was_noticed_is_not_answered_by_mail(tmp_path: Path):
    """S107: from the other side of the world the app is shown, which the mailbox does not hold."""
    async with in_the_world(tmp_path, mailed_codes=True) as place:
        await lives_at_home(place)
        async with browser_at(place, HOME) as browser:
            owner = Person(place, browser)
            await choose(owner)
            page = await browser.get("/sign-in/authenticator?next=security")
            app, _ = await confirm_app(owner, page)
        async with browser_at(place, HOME) as browser:
            assert SEND in (await half(Person(place, browser))).text
        async with browser_at(place, FAR) as browser:
            thief = Person(place, browser)
            page = await half(thief)
            assert SEND not in page.text
            before = len(await codes_for(thief))
            await ask(thief, page)
            assert len(await codes_for(thief)) == before
            await show(thief, page, app.code())
            assert await is_in(thief)


async def test_a_password_adds_no_app_before_the_code_was_typed(tmp_path: Path):
    """Where an app is set up on the way, the step that was chosen is not stepped over."""
    async with sending(tmp_path / "before") as before, before.browser() as browser:
        await choose(Person(before, browser))
    async with restarted(before, mailed_codes=True, second_factor_for="everyone") as place:
        user = await place.authority.store.read(lambda tx: tx.users.find(before.user.id))
        setup = Setup(user.id, b"s" * 20, int(place.clock()))
        code = code_of(setup.secret, int(place.clock()) // 30)

        async def begun(tx: Any) -> HalfSignIn:
            return half_sign_in.begin(tx, user, keep=False)

        shown = await place.authority.store.transact(begun)
        confirmation = Confirmation(setup, Secret(code), Origin("", ""))
        for amr, passes in ((("pwd",), False), (("pwd", "email"), True)):
            each = replace(shown, amr=amr)
            done = await enrol_on_the_way(place.authority, each, confirmation)
            assert (done is not None) is passes, amr


async def test_an_address_that_is_put_back_by_a_link_switches_them_off(
    place: Installation, owner: Person
):
    """Whoever changed the address may have chosen them; and the link shows the same mailbox."""
    new = f"new-{owner.email}"
    assert (await want_email(owner.browser, new)).status_code == 200
    await confirm_email(owner.browser, await token_for(place, new))
    opened = await token_for(place, owner.email)
    async with place.browser() as mailbox:
        assert (await undo(mailbox, opened)).status_code == 200
    factors = await place.authority.store.read(lambda tx: tx.second_factors.of_user(owner.user_id))
    assert factors.mailed_since is None


async def test_a_session_that_is_not_fresh_neither_chooses_them_nor_lets_them_go(
    place: Installation, owner: Person
):
    """A browser that was left open: the page asks to sign in, and the change itself refuses."""
    session = (await sessions_of(place, owner.user_id))[0]
    page = await owner.browser.get(f"{CHOICE}/off")
    place.clock.turn(16 * 60)
    answer = await owner.browser.post(f"{CHOICE}/off", data=hidden_fields(page.text))
    assert answer.headers["location"].startswith("/sign-in")
    here = Origin("", "")
    with pytest.raises(OAuthError):
        await mailed_code_choice.drop(place.authority, session, here)
    with pytest.raises(OAuthError):
        await mailed_code_choice.send(place.authority, session, here, "en")
    with pytest.raises(OAuthError):
        await mailed_code_choice.choose(place.authority, Shown(Secret("12345678"), here, session))


async def sessions_of(place: Installation, user_id: str) -> list[Session]:
    return await place.authority.store.read(lambda tx: tx.sessions.of_user(user_id))


async def test_a_half_that_is_held_or_came_by_a_touch_has_no_code_sent(
    place: Installation, owner: Person
):
    """Whatever a page shows: the step itself refuses."""
    authority = place.authority
    user = await authority.store.read(lambda tx: tx.users.find(owner.user_id))

    async def begun(tx: Any) -> HalfSignIn:
        return half_sign_in.begin(tx, user, keep=False)

    good = await authority.store.transact(begun)
    for each, sent in (
        (good, Sent.SENT),
        (replace(good, held=True), Sent.OVER),
        (replace(good, amr=("pop", "user")), Sent.OVER),
        (replace(good, amr=("pwd", "email")), Sent.OVER),
        (replace(good, at=good.at - half_sign_in.LIFETIME), Sent.OVER),
    ):
        assert await mailed_code_sign_in.send(authority, each, Origin("", ""), "en") is sent, each


async def test_a_browser_that_is_remembered_by_the_password_alone_does_not_come_back(
    tmp_path: Path,
):
    """From before the operator allowed it again; and by a code by mail it comes back."""
    async with ada(tmp_path, mailed_codes=True, **UNTHROTTLED) as person:
        await signed_in(person)
        store = person.installation.authority.store

        async def choose_now(tx: Any) -> None:
            await tx.users.verify_email(person.user_id, person.email, tx.now)
            await tx.second_factors.choose_mailed_codes(person.user_id, tx.now)

        close(person.browser)
        await comes_back(person)
        assert await is_in(person)
        close(person.browser)
        await store.transact(choose_now)
        await comes_back(person)
        assert not await is_in(person)
        page = await ask(person, await half(person))
        await type_in(person, page, (await codes_for(person))[0])
        close(person.browser)
        await comes_back(person)
        assert await is_in(person)


async def test_a_key_that_was_found_is_no_way_past_the_password(tmp_path: Path):
    """A touched key and the mailbox, without the password: whoever has both is led to begin anew.

    After the password the same key is shown, or a code by mail where it is not at hand.
    """
    async with sending(tmp_path, issuer=ISSUER) as place, place.browser() as browser:
        owner = await owner_at(place, browser, verifies=False)
        async with place.browser() as first:
            await sign_in_at(first, owner.phone)
            assert await is_in(Person(place, first)), "as long as nothing else was chosen"

        async def choose_now(tx: Any) -> None:
            await tx.users.verify_email(owner.user_id, owner.email, tx.now)
            await tx.second_factors.choose_mailed_codes(owner.user_id, tx.now)

        await place.authority.store.transact(choose_now)
        async with place.browser() as found:
            thief = Person(place, found, owner.email, owner.user_id)
            page = await thief.follow(await sign_in_at(found, owner.phone))
            assert 'name="password"' in page.text
            await ask(thief, page)
            assert await codes_for(thief) == []
            assert not await is_in(thief)
        page = await half(owner)
        assert "Use your passkey" in page.text
        page = await ask(owner, page)
        await type_in(owner, page, (await codes_for(owner))[0])
        assert await is_in(owner)
