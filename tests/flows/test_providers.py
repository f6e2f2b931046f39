"""People come in by a provider: the first time, again, silently, and to what guards an account."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.identity import known_browser
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.user import User
from tests.coming import (
    add_provider,
    away,
    back,
    buttons_in,
    come,
    identities_of,
    is_in,
    link,
    provided,
)
from tests.installation import Installation, Person, answer_of, hidden_fields, installed
from tests.noticing import habits_of
from tests.recoveries import ask, choose, mail_for, open_link, token_for
from tests.second_factors import confirm, events_of, show
from tests.upstreams import GitHub, Upstream, upstream

pytestmark = pytest.mark.anyio
one_engine = pytest.mark.one_engine("the rows are tried on both by other tests here")
SETTINGS: dict[str, Any] = {
    "registration": "open",
    "sign_in_rate_per_minute": 1_000_000,
    "recoveries_per_hour": 100_000,
}


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("site"), **SETTINGS) as place:
        yield place


@pytest.fixture(scope="module")
async def theirs(place: Installation) -> AsyncIterator[Upstream]:
    async with provided(place) as it:
        yield it


@pytest.fixture(autouse=True)
async def honest(place: Installation, theirs: Upstream) -> AsyncIterator[None]:
    yield
    theirs.person, theirs.claims, theirs.answer, theirs.auth_time = {}, {}, {}, None
    await believe(place)


async def believe(place: Installation, **policy: Any) -> None:
    """Change how far the provider is believed; what is not named is as in the beginning."""

    async def work(tx: Any) -> None:
        found: Provider = await tx.providers.find("theirs")
        await tx.providers.update(replace(found, policy=type(found.policy)(**policy)))

    await place.authority.store.transact(work)


def somebody(theirs: Upstream, **claims: Any) -> str:
    """Somebody new is signed in at the provider; gives their address."""
    subject = secrets.token_hex(6)
    email = f"{subject}@example.com"
    told = {"email": email, "email_verified": True, "name": "Grace"} | claims
    theirs.sign_in(subject, **told)
    return email


async def found(place: Installation, email: str) -> User | None:
    return await place.authority.store.read(lambda tx: tx.users.find_by_email(email))


async def test_who_is_new_gets_an_account_without_a_password_and_comes_again(
    place: Installation, theirs: Upstream
):
    """S112: and the app that they came from gets its code."""
    email = somebody(theirs)
    async with place.browser() as browser:
        person = Person(place, browser, email)
        page = await person.open()
        ways = buttons_in(page.text)
        there = await away(browser, await browser.get(ways["Sign in with Theirs"]))
        consent = await back(browser, there)
        assert "permission" in consent.text, consent.text
        code = answer_of(await person.allow(consent))["code"]
        tokens = (await person.exchange(code)).json()
        told = unverified_claims(tokens["id_token"])
        assert (told["amr"], told["acr"]) == (["fed"], "sfa")
    user = await found(place, email)
    assert user is not None
    assert (user.password_hash, user.name, user.email_verified) == (None, "Grace", False)
    (identity,) = await identities_of(place, user.id)
    assert (identity.subject, identity.issuer) == (theirs.person["sub"], theirs.issuer)
    place.clock.turn(60)
    async with place.browser() as browser:
        assert (await come(browser)).status_code == 200
        assert await is_in(browser)
    assert [each.id for each in await identities_of(place, user.id)] == [identity.id]


async def test_the_address_of_a_trusted_provider_is_verified_and_finds_its_account(
    place: Installation, theirs: Upstream
):
    await believe(place, trusts_email=True)
    email = somebody(theirs)
    owner = await place.add_user(email, email_verified=True)
    async with place.browser() as browser:
        await come(browser)
        assert await is_in(browser)
    assert len(await identities_of(place, owner.id)) == 1
    assert "signed in to by an account at Theirs" in (await mail_for(place, email))[0]
    other = somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
    user = await found(place, other)
    assert user is not None
    assert user.email_verified


@one_engine
@pytest.mark.parametrize("registration", ["closed", "invitation"])
async def test_nobody_gets_an_account_where_that_is_not_allowed(tmp_path: Any, registration: str):
    async with (
        installed(tmp_path, registration=registration) as place,
        upstream(Upstream, place.clock) as theirs,
        place.browser() as browser,
    ):
        await add_provider(place, theirs, trusts_email=True)
        email = somebody(theirs)
        page = await come(browser)
        assert "linked to none here" in page.text
        assert await found(place, email) is None
        invited = await place.authority.store.transact(lambda tx: invite(tx, email))
        page = await come(browser)
        joined = await found(place, email)
        assert joined is not None
        assert joined.id == invited
        assert await is_in(browser) is (registration == "invitation")
        assert joined.email_verified is (registration == "invitation")


async def invite(tx: Any, email: str) -> str:
    from counterfoil.server.protocol import registration
    from counterfoil.server.protocol.events import CLI

    return (await registration.add_user(tx, registration.NewUser(email, None), CLI)).id


async def test_an_account_is_linked_used_and_unlinked(place: Installation, theirs: Upstream):
    """S112: and the session that it began ends with the link."""
    owner = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    somebody(theirs, email=None)
    async with place.browser() as browser, place.browser() as elsewhere:
        person = Person(place, browser, owner.email, owner.id)
        await person.sign_in(await browser.get("/sign-in"))
        assert (await link(browser)).status_code == 303
        assert "signed in to by an account at Theirs" in (await mail_for(place, owner.email))[0]
        (identity,) = await identities_of(place, owner.id)
        await come(elsewhere)
        assert await is_in(elsewhere)
        page = await browser.get("/account/providers")
        assert theirs.person["name"] in page.text
        assert "Accounts elsewhere" in (await browser.get("/account/security")).text
        form = hidden_fields(page.text) | {"identity": identity.id}
        assert (await browser.post("/account/providers/unlink", data=form)).status_code == 303
        assert await identities_of(place, owner.id) == []
        newest, *_ = await mail_for(place, owner.email)
        assert "signs in to your account" in newest
        assert theirs.person["name"] not in newest, "whoever is there has chosen that"
        assert f"{place.issuer}/account/providers" in newest
        assert await is_in(browser)
        assert not await is_in(elsewhere)


async def test_the_last_way_in_is_not_unlinked(place: Installation, theirs: Upstream):
    email = somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
        user = await found(place, email)
        assert user is not None
        (identity,) = await identities_of(place, user.id)
        page = await browser.get("/account/providers")
        assert "could not sign in without it" in page.text
        csrf = hidden_fields((await browser.get("/account/profile")).text)["csrf"]
        form = {"csrf": csrf, "identity": identity.id}
        refused = await browser.post("/account/providers/unlink", data=form)
        assert refused.status_code == 400
        assert "could not sign in any more" in refused.text
        assert len(await identities_of(place, user.id)) == 1


async def test_what_guards_an_account_sends_there_again_to_sign_in_anew(
    place: Installation, theirs: Upstream
):
    """S105, S112: whoever was signed in there long ago has not shown anything."""
    somebody(theirs)
    async with place.browser() as browser:
        theirs.auth_time = int(place.clock()) - 3600
        await come(browser)
        asked = await browser.get("/account/delete")
        assert asked.headers["location"] == "/sign-in?next=delete"
        page = await browser.get("/sign-in?next=delete")
        way = buttons_in(page.text)["Sign in with Theirs"]
        page = await back(browser, await away(browser, await browser.get(way)))
        assert (theirs.asked[-1]["prompt"], theirs.asked[-1]["max_age"]) == ("login", "0")
        assert "Delete" in page.text
        email = theirs.person["email"]
        form = hidden_fields(page.text) | {"email": email}
        gone = await browser.post("/account/delete", data=form)
        assert gone.status_code == 200, gone.text
        assert await found(place, email) is None


async def test_our_second_factor_is_asked_for_after_it(place: Installation, theirs: Upstream):
    """S105: as after a password; unless the provider is believed to have asked for more."""
    email = somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
        person = Person(place, browser)
        page = await person.follow(await browser.get("/sign-in/authenticator?next=security"))
        app, _ = await confirm(person, page)
    place.clock.turn(60)
    somebody_again = theirs.person
    async with place.browser() as browser:
        page = await come(browser)
        assert not await is_in(browser)
        assert (await show(Person(place, browser), page, app.code())).status_code in {200, 303}
        assert await is_in(browser)
    theirs.claims = {"amr": ["pwd", "mfa"]}
    async with place.browser() as browser:
        await come(browser)
        assert not await is_in(browser)
    await believe(place, mfa_words="mfa")
    async with place.browser() as browser:
        await come(browser)
        assert await is_in(browser)
    assert theirs.person is somebody_again
    assert await found(place, email) is not None


async def test_who_returns_is_signed_in_without_a_click(place: Installation, theirs: Upstream):
    """S113: after a check at the provider; once, and never after a sign-out."""
    await believe(place, silent=True)
    somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
        session = next(name for name in browser.cookies if name.endswith("session"))
        browser.cookies.delete(session)
        person = Person(place, browser)
        there = await away(browser, await browser.get(person.authorization_url()))
        assert theirs.asked[-1]["prompt"] == "none"
        page = await back(browser, there)
        assert "permission" in page.text
        page = await browser.get("/account/profile")
        await browser.post("/account/sign-out", data=hidden_fields(page.text))
        page = await person.open()
        assert 'name="password"' in page.text


@one_engine
async def test_a_click_begins_a_session_unless_an_administrator_has_decided(
    place: Installation, theirs: Upstream
):
    """ASVS V7.6.2."""
    somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
        session = next(name for name in browser.cookies if name.endswith("session"))
        browser.cookies.delete(session)
        tries = len(theirs.asked)
        page = await Person(place, browser).open()
        assert buttons_in(page.text)
        assert len(theirs.asked) == tries


async def test_a_silent_try_that_fails_is_quiet_and_the_only_one(
    place: Installation, theirs: Upstream
):
    """S113."""
    await believe(place, silent=True)
    somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
        session = next(name for name in browser.cookies if name.endswith("session"))
        browser.cookies.delete(session)
        theirs.person = {}
        tries = len(theirs.asked)
        person = Person(place, browser)
        there = await away(browser, await browser.get(person.authorization_url()))
        page = await back(browser, there)
        assert 'name="password"' in page.text
        assert "problem" not in page.text
        assert len(theirs.asked) == tries + 1
        assert buttons_in(page.text)
        page = await person.open(prompt="login")
        assert 'name="password"' in page.text
        assert len(theirs.asked) == tries + 1


@one_engine
async def test_who_has_no_password_chooses_one_by_mail_and_keeps_the_link(
    place: Installation, theirs: Upstream
):
    """S112: where the provider is trusted for the address; else the link is not proved theirs."""
    for trusts in (True, False):
        await believe(place, trusts_email=trusts)
        email = somebody(theirs)
        async with place.browser() as browser:
            await come(browser)
            await ask(browser, email)
            page = await open_link(browser, await token_for(place, email))
            assert (await choose(browser, page)).status_code == 200
        user = await found(place, email)
        assert user is not None
        assert user.password_hash is not None
        assert len(await identities_of(place, user.id)) == int(trusts)


@one_engine
async def test_who_has_no_password_ends_all_that_was_not_them(
    place: Installation, theirs: Upstream
):
    """S38, S112: and what they taught is forgotten (S108)."""
    email = somebody(theirs)
    async with place.browser() as browser, place.browser() as stolen:
        await come(browser)
        await come(stolen)
        user = await found(place, email)
        assert user is not None
        assert (await habits_of(place, user.id)).networks
        assert await knows(browser, place, user.id)
        assert await knows(stolen, place, user.id)
        devices = await browser.get("/account/activity")
        assert "/account/not-me?about=event" in devices.text
        about = devices.text.split("/account/not-me?about=")[1].split('"')[0]
        page = await browser.get(f"/account/not-me?about={about}")
        assert 'name="current"' not in page.text
        done = await browser.post("/account/not-me", data=hidden_fields(page.text))
        assert done.status_code == 200, done.text
        assert await is_in(browser)
        assert not await is_in(stolen)
        assert not (await habits_of(place, user.id)).networks
        assert await knows(browser, place, user.id), "they are known in their own"
        assert not await knows(stolen, place, user.id), "though there is no password to change"


async def knows(browser: httpx2.AsyncClient, place: Installation, user_id: str) -> bool:
    """Whether somebody is known in a browser."""
    cookie = next(each.value for each in browser.cookies.jar if each.name.endswith("_known"))
    known = known_browser.unseal(place.authority.pending, cookie)
    user = await place.authority.store.read(lambda tx: tx.users.find(user_id))
    assert user is not None
    return known.at(user, int(place.clock())) is not None


@one_engine
async def test_whoever_sets_an_app_up_on_the_way_is_said_to_have_come_by_the_provider(
    tmp_path: Path,
):
    """S111, S112: the log names no password where there is none, nor where a code was wrong."""
    settings = {"registration": "open", "second_factor_for": "everyone"}
    async with installed(tmp_path, **settings) as own, provided(own) as theirs:
        email = somebody(theirs)
        async with own.browser() as browser:
            app, _ = await confirm(Person(own, browser), await come(browser))
        own.clock.turn(60)
        async with own.browser() as browser:
            page, person = await come(browser), Person(own, browser)
            await show(person, page, "000000" if app.code() != "000000" else "000001")
        user = await found(own, email)
        assert user is not None
        for kind in (EventKind.SECOND_FACTOR_ADDED, EventKind.SECOND_FACTOR_FAILED):
            (event,) = await events_of(own, kind, user.id)
            assert event.proof == "provider:theirs"


@one_engine
async def test_github_signs_in_by_number(place: Installation, theirs: Upstream):
    """S112: with the address that GitHub has verified."""
    async with upstream(GitHub, place.clock) as github, place.browser() as browser:
        await add_provider(place, github, "github")
        github.answer = {"iss": None}
        github.person = {"id": 583231, "login": "octocat", "name": None}
        github.emails = [{"email": "octocat@example.com", "primary": True, "verified": True}]
        await come(browser, "github")
        assert await is_in(browser)
        user = await found(place, "octocat@example.com")
        assert user is not None
        github.emails[0]["email"] = "renamed@example.com"
        github.person["login"] = "renamed"
        await come(browser, "github")
        (identity,) = await identities_of(place, user.id)
        assert (identity.subject, identity.label) == ("583231", "renamed@example.com")
        await place.authority.store.transact(lambda tx: tx.providers.remove("github"))


@one_engine
async def test_a_browser_in_which_somebody_came_before_is_known(
    place: Installation, theirs: Upstream
):
    """S108: by a provider too, it is noticed when it is new, and not when it comes back."""
    email = somebody(theirs)
    for browsers, noticed in ((1, 0), (2, 1)):
        async with place.browser() as browser:
            for _ in range(2):
                await come(browser)
                form = hidden_fields((await browser.get("/account/apps")).text)
                assert (await browser.post("/account/sign-out", data=form)).status_code == 303
        user = await found(place, email)
        assert user is not None
        query = EventQuery(kind=EventKind.NEW_DEVICE, person=user.id)
        events = await place.authority.store.read(lambda tx, query=query: tx.events.find(query))
        assert len(events) == noticed, browsers
