"""Codes by mail as a second step, on each engine: chosen twice, and never more than they are."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from counterfoil.server.documents.users import described
from counterfoil.server.identity.factor_change import reset
from counterfoil.server.mail.sender import CLAIM_SECONDS
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind
from tests.coming import come, link, provided
from tests.flows.test_second_factors import claims_of
from tests.installation import (
    Installation,
    Person,
    answer_of,
    hidden_fields,
    installed,
    restarted,
)
from tests.mailed_codes import (
    CHOICE,
    CODE,
    ask,
    choose,
    codes_for,
    confirm,
    send_first,
    send_from_account,
    sending,
    type_in,
)
from tests.recoveries import mail_for
from tests.second_factors import AUTHENTICATOR, enrol, events_of, half, is_in, show
from tests.second_factors import confirm as confirm_app

pytestmark = pytest.mark.anyio
one_engine = pytest.mark.one_engine("what is decided asks no engine")
SEND = "Send me a code by mail"


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with sending(tmp_path_factory.mktemp("data")) as place:
        yield place


async def test_a_code_by_mail_follows_the_password_and_nothing_calls_it_a_second_factor(
    place: Installation, person: Person, visitor: Person
):
    """The whole way: chosen, asked for, typed; ``amr`` says what happened, ``acr`` stays."""
    await choose(person)
    page = await visitor.sign_in(await visitor.open())
    assert SEND in page.text
    assert not await is_in(visitor), "no session begins with half a sign-in"
    page = await ask(visitor, page)
    page = await type_in(visitor, page, (await codes_for(visitor))[0])
    tokens = await visitor.exchange(answer_of(await visitor.allow(page))["code"])
    claims = claims_of(tokens.json()["id_token"])
    assert (claims["acr"], claims["amr"]) == ("sfa", ["pwd", "email"])
    assert claims_of(tokens.json()["access_token"])["acr"] == "sfa"
    signed_in = await events_of(place, EventKind.SIGNED_IN, person.user_id)
    assert [each.proof for each in signed_in] == ["mailed_code", "password"]
    assert len(await events_of(place, EventKind.MAILED_CODE_SENT, person.user_id)) == 2


async def test_choosing_it_proves_the_address_ends_the_rest_and_is_told(
    place: Installation, person: Person, visitor: Person
):
    await visitor.tokens()
    page = await send_first(person)
    assert await is_in(visitor)
    (code,) = await codes_for(person)
    page = await confirm(person, page, "00000000" if code != "0000 0000" else "11111111")
    assert page.status_code == 400
    assert (await events_of(place, EventKind.MAILED_CODES_ADDED, person.user_id)) == []
    await confirm(person, page, code)
    assert await is_in(person)
    assert not await is_in(visitor), "whoever came by the password alone is out"
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    assert user.email_verified
    (added,) = await events_of(place, EventKind.MAILED_CODES_ADDED, person.user_id)
    assert added.actor == f"user:{person.user_id}"
    told = " ".join((await mail_for(place, person.email))[0].split())
    assert "lets you in to your account" in told


async def test_choosing_otherwise_is_told_and_the_password_signs_in_again(
    place: Installation, person: Person, visitor: Person
):
    await choose(person)
    page = await person.browser.get(f"{CHOICE}/off")
    assert "the password alone signs you in" in page.text
    await person.browser.post(f"{CHOICE}/off", data=hidden_fields(page.text))
    await half(visitor)
    assert await is_in(visitor)
    assert "lets you in to your account" in " ".join(
        (await mail_for(place, person.email))[0].split()
    )
    assert len(await events_of(place, EventKind.MAILED_CODES_REMOVED, person.user_id)) == 1


@one_engine
async def test_it_stands_in_for_an_app_that_is_not_at_hand_and_changes_nothing_there(
    place: Installation, person: Person, visitor: Person
):
    """Who came by a mailed code is in; what guards the account still wants the app (S105)."""
    await enrol(person)
    await send_and_confirm(person)
    page = await half(visitor)
    assert SEND in page.text
    assert "Code of your authenticator app" in page.text
    await type_in(visitor, await ask(visitor, page), (await codes_for(visitor))[0])
    assert await is_in(visitor)
    for path in ("/account/security/switch-off", f"{CHOICE}/off", "/account/email"):
        page = await visitor.follow(await visitor.browser.get(path))
        assert "Code of your authenticator app" in page.text, path
        assert SEND not in page.text, "a session is made no stronger by mail"


async def send_and_confirm(person: Person) -> None:
    """Choose codes by mail at a browser that is signed in already."""
    page = await send_from_account(person, await person.browser.get("/account/security"))
    await confirm(person, page, (await codes_for(person))[0])


@one_engine
async def test_what_an_app_or_policy_asks_for_it_does_not_reach(person: Person, visitor: Person):
    """An app that wishes for ``mfa`` is refused, as for whoever has the password alone."""
    await choose(person)
    page = await visitor.sign_in(await visitor.open(acr_values="mfa"))
    page = await type_in(visitor, await ask(visitor, page), (await codes_for(visitor))[0])
    assert answer_of(page)["error"] == "unmet_authentication_requirements"


@one_engine
async def test_with_an_app_set_up_a_wish_for_more_is_not_met_by_mail(
    person: Person, visitor: Person
):
    await enrol(person)
    await send_and_confirm(person)
    page = await visitor.sign_in(await visitor.open(acr_values="mfa"))
    assert "Code of your authenticator app" in page.text
    assert SEND not in page.text
    page = await ask(visitor, page)
    assert "Code of your authenticator app" in page.text, "asked for all the same, it leads back"


@one_engine
async def test_the_account_and_the_administration_say_who_has_chosen_it(
    place: Installation, person: Person
):
    await choose(person)
    form = hidden_fields((await person.browser.get("/account/data")).text)
    kept = json.loads((await person.browser.post("/account/data", data=form)).text)
    since = int(place.clock())
    assert kept["second_factors"][0]["codes_by_mail_since"] == since
    page = await person.browser.get("/account/activity")
    assert "Codes are sent to you by mail from now on" in page.text


@one_engine
async def test_an_account_that_is_deleted_leaves_no_choice_behind(
    place: Installation, person: Person
):
    await choose(person)
    store = place.authority.store
    await store.transact(lambda tx: tx.users.remove(person.user_id))
    factors = await store.read(lambda tx: tx.second_factors.of_user(person.user_id))
    assert factors.mailed_since is None


@one_engine
async def test_after_a_provider_it_is_asked_for_where_it_is_all_there_is(
    place: Installation, person: Person, visitor: Person
):
    """In place of an app it is none there: the mailbox often opens the account at the provider."""
    async with provided(place) as theirs:
        await choose(person)
        theirs.sign_in(person.user_id, email="else@elsewhere.example")
        await link(person.browser)
        page = await come(visitor.browser)
        assert SEND in page.text
        await type_in(visitor, await ask(visitor, page), (await codes_for(visitor))[0])
        assert await is_in(visitor)
        page = await person.browser.get("/sign-in/authenticator?next=security")
        await confirm_app(person, page)
        async with place.browser() as browser:
            page = await come(browser)
            assert "Code of your authenticator app" in page.text
            assert SEND not in page.text


@one_engine
async def test_nothing_is_offered_where_the_operator_has_not_allowed_it(
    on_engine: str, tmp_path: Any
):
    """Off by default (ASVS V6.3.6); and switched off again it asks nobody for a code."""
    async with installed(tmp_path / "data") as place, place.browser() as browser:
        person = Person(place, browser)
        page = await person.sign_in(await browser.get("/sign-in?next=security"))
        assert "Codes by mail" not in page.text
        page = await browser.get(CHOICE)
        assert "Send the first code" not in page.text
        await browser.post(CHOICE, data=hidden_fields(page.text))
        assert await codes_for(person) == []
    async with restarted(place, mailed_codes=True) as allowing, allowing.browser() as browser:
        await choose(Person(allowing, browser))
    async with restarted(place) as after, after.browser() as browser:
        person = Person(after, browser)
        await half(person)
        assert await is_in(person)
        assert SEND not in (await browser.get(CODE)).text


@one_engine
async def test_of_whom_more_is_demanded_they_show_the_code_and_then_set_an_app_up(
    on_engine: str, tmp_path: Any
):
    """What there is was shown before more is added: the password alone adds no app."""
    async with sending(tmp_path / "data") as before, before.browser() as browser:
        await choose(Person(before, browser))
    demanding = restarted(before, mailed_codes=True, second_factor_for="everyone")
    async with demanding as place, place.browser() as browser, place.browser() as other:
        place.clock.turn(CLAIM_SECONDS + 1)
        person, visitor = Person(place, browser), Person(place, other)
        page = await half(person)
        assert SEND in page.text
        early = await person.follow(await browser.get(AUTHENTICATOR))
        assert SEND in early.text, "the page of the app leads back"
        page = await ask(person, page)
        page = await type_in(person, page, (await codes_for(person))[0])
        assert not await is_in(person)
        app, _ = await confirm_app(person, page)
        assert await is_in(person)
        page = await half(visitor)
        assert SEND not in page.text, "what is demanded is more than that"
        await show(visitor, page, app.code())
        assert await is_in(visitor)


@one_engine
async def test_the_letter_and_the_page_are_german_where_german_is_read(
    place: Installation, person: Person
):
    async with place.browser(headers={"accept-language": "de"}) as browser:
        reader = Person(place, browser, person.email, person.user_id)
        page = await reader.sign_in(await browser.get("/sign-in?next=security"))
        asking = await browser.get(CHOICE)
        page = await reader.follow(await browser.post(CHOICE, data=hidden_fields(asking.text)))
        assert "Code aus der Mail" in page.text
        assert "hat diesen Code angefordert" in " ".join(
            (await mail_for(place, person.email))[0].split()
        )


@one_engine
async def test_an_administrator_takes_it_away_with_the_rest(
    place: Installation, person: Person, visitor: Person
):
    """A reset ends everything of the person, and the command line says who has chosen it."""
    await choose(person)
    authority = place.authority
    user = await authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    assert (await authority.store.read(lambda tx: described(tx, user))).mailed_codes
    await authority.store.transact(lambda tx: reset(authority, tx, person.user_id, CLI))
    assert not await is_in(person)
    assert not (await authority.store.read(lambda tx: described(tx, user))).mailed_codes
    await half(visitor)
    assert await is_in(visitor)
    (removed,) = await events_of(place, EventKind.MAILED_CODES_REMOVED, person.user_id)
    assert (removed.actor, removed.detail) == ("cli", {"why": "second_factor_reset"})
