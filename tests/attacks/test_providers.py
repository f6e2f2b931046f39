"""Sign-in by a provider, attacked: by strangers, by other browsers, by providers that lie."""

import logging
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.server.identity import joining
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.revocation import disable_user
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.user import User
from tests.coming import add_provider, away, back, come, identities_of, is_in, link, provided
from tests.installation import Installation, Person, hidden_fields, installed
from tests.joinings import join
from tests.joinings import open_link as open_welcome
from tests.recoveries import ask, choose, open_link, token_for
from tests.second_factors import confirm, enrol, show
from tests.upstreams import Upstream, upstream

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.one_engine("what is refused is decided above the store; rows: tests/storage"),
]
SETTINGS: dict[str, Any] = {
    "registration": "open",
    "sign_in_rate_per_minute": 1_000_000,
    "recoveries_per_hour": 100_000,
}
FAILED = "not one that can be believed"
OVER = "begun in another browser, or is over already"


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


@pytest.fixture(scope="module")
async def others(place: Installation) -> AsyncIterator[Upstream]:
    """Another provider, which is the attacker's own."""
    async with provided(place, "others") as it:
        yield it


@pytest.fixture(autouse=True)
async def honest(theirs: Upstream, others: Upstream) -> AsyncIterator[None]:
    yield
    for it in (theirs, others):
        it.claims, it.answer, it.metadata = {}, {}, {}
        it.spoilt = lambda token: token


def somebody(theirs: Upstream, **claims: Any) -> str:
    subject = secrets.token_hex(6)
    email = f"{subject}@example.com"
    theirs.sign_in(subject, **({"email": email, "email_verified": True} | claims))
    return email


async def found(place: Installation, email: str) -> User | None:
    return await place.authority.store.read(lambda tx: tx.users.find_by_email(email))


async def sent(browser: httpx2.AsyncClient, provider_id: str = "theirs") -> httpx2.Response:
    """What the provider answers to whoever is sent there."""
    return await away(browser, await browser.get(f"/sign-in/with/{provider_id}"))


def other(there: httpx2.Response, **changed: str | None) -> str:
    """The address back, altered."""
    url = urlsplit(there.headers["location"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()} | changed
    return f"{url.path}?{urlencode({n: v for n, v in query.items() if v is not None})}"


async def get(browser: httpx2.AsyncClient, url: str) -> httpx2.Response:
    answer = await browser.get(url)
    while answer.status_code == 303:
        answer = await browser.get(answer.headers["location"])
    return answer


async def test_an_answer_works_once_and_in_its_own_browser_alone(
    place: Installation, theirs: Upstream
):
    """Login CSRF: an attacker's answer signs nobody else in as the attacker."""
    somebody(theirs)
    async with place.browser() as browser, place.browser() as victim:
        await victim.get("/sign-in")
        there = await sent(browser)
        assert OVER in (await get(victim, there.headers["location"])).text
        assert not await is_in(victim)
        await back(browser, there)
        assert await is_in(browser)
        tokens = theirs.fetched["/token"]
        assert OVER in (await get(browser, there.headers["location"])).text
        assert theirs.fetched["/token"] == tokens


@pytest.mark.parametrize("state", [None, "", "AAAA", "x" * 8192])
async def test_a_state_that_is_not_ours_leads_nowhere(
    place: Installation, theirs: Upstream, state: str | None
):
    somebody(theirs)
    async with place.browser() as browser:
        there = await sent(browser)
        assert OVER in (await get(browser, other(there, state=state))).text
        assert not await is_in(browser)


async def test_an_answer_that_waited_too_long_is_over(tmp_path: Any):
    async with (
        installed(tmp_path, **SETTINGS) as place,
        upstream(Upstream, place.clock) as theirs,
        place.browser() as browser,
    ):
        await add_provider(place, theirs)
        somebody(theirs)
        there = await sent(browser)
        place.clock.turn(600)
        assert OVER in (await get(browser, there.headers["location"])).text
        assert not await is_in(browser)


async def test_the_code_of_one_provider_is_sent_to_no_other(
    place: Installation, theirs: Upstream, others: Upstream
):
    """Mix-up (RFC 9700 §4.4): by our address, by `iss`, and by the state."""
    somebody(theirs)
    somebody(others)
    async with place.browser() as browser:
        there = await sent(browser)
        moved = other(there).replace("/from/theirs", "/from/others")
        assert OVER in (await get(browser, moved)).text
        assert "/token" not in others.fetched
    for iss in (others.issuer, None, f"{theirs.issuer}/"):
        async with place.browser() as browser:
            there = await sent(browser)
            tokens = theirs.fetched.get("/token", 0)
            assert FAILED in (await get(browser, other(there, iss=iss))).text
            assert (theirs.fetched.get("/token", 0), others.fetched.get("/token", 0)) == (tokens, 0)
            assert not await is_in(browser)


async def test_a_code_of_another_sign_in_is_not_taken(place: Installation, theirs: Upstream):
    """A code that was stolen is injected: the provider checks PKCE, we check the nonce."""
    somebody(theirs)
    async with place.browser() as victim, place.browser() as attacker:
        stolen = parse_qs(urlsplit((await sent(victim)).headers["location"]).query)["code"][0]
        there = await sent(attacker)
        assert FAILED in (await get(attacker, other(there, code=stolen))).text
        assert not await is_in(attacker)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": None},
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://accounts.example"},
        {"exp": 1},
    ],
    ids=str,
)
async def test_an_id_token_of_something_else_signs_nobody_in(
    place: Installation, theirs: Upstream, claims: dict[str, Any]
):
    """Algorithms and signatures are tried in tests/server/upstream/test_openid.py."""
    email = somebody(theirs)
    theirs.claims = claims
    async with place.browser() as browser:
        assert FAILED in (await come(browser)).text
        assert not await is_in(browser)
    assert await found(place, email) is None


async def test_an_address_takes_no_account_over(place: Installation, theirs: Upstream):
    """Neither one that is not verified, nor one of a provider that is not trusted for it."""
    victim = await place.add_user(f"{secrets.token_hex(6)}@example.com", email_verified=True)
    for verified in (True, False, None, "true", 1):
        somebody(theirs, email=victim.email, email_verified=verified)
        async with place.browser() as browser:
            assert "linked to none here" in (await come(browser)).text
            assert not await is_in(browser)
    assert await identities_of(place, victim.id) == []


async def test_a_trusted_provider_takes_over_no_address_that_was_not_proved_here(
    place: Installation,
):
    """Pre-hijacking: an account that somebody else prepared is not made the owner's by it."""
    async with upstream(Upstream, place.clock) as trusted:
        await add_provider(place, trusted, "trusted", trusts_email=True)
        prepared = await place.add_user(f"{secrets.token_hex(6)}@example.com")
        for verified in (True, False, "true"):
            somebody(trusted, email=prepared.email, email_verified=verified)
            async with place.browser() as browser:
                await come(browser, "trusted")
                assert not await is_in(browser)
        assert await identities_of(place, prepared.id) == []
        proved = await place.add_user(f"{secrets.token_hex(6)}@example.com", email_verified=True)
        for unsaid in (False, None, "true", 1):
            somebody(trusted, email=proved.email, email_verified=unsaid)
            async with place.browser() as browser:
                await come(browser, "trusted")
                assert not await is_in(browser)
        disabled = f"{secrets.token_hex(6)}@example.com"
        owner = await place.add_user(disabled, email_verified=True)
        await place.authority.store.transact(lambda tx: tx.users.disable(owner.id, tx.now))
        somebody(trusted, email=disabled)
        async with place.browser() as browser:
            await come(browser, "trusted")
            assert not await is_in(browser)
        await place.authority.store.transact(lambda tx: tx.providers.remove("trusted"))


async def test_who_prepared_an_account_by_a_provider_is_out_when_its_address_is_proved(
    place: Installation, others: Upstream
):
    """Pre-hijacking the other way: a lying provider made it, its owner comes by a mail."""
    victim = f"{secrets.token_hex(6)}@example.com"
    somebody(others, email=victim)
    async with place.browser() as attacker, place.browser() as owner:
        await come(attacker, "others")
        assert await is_in(attacker)
        await ask(owner, victim)
        page = await open_link(owner, await token_for(place, victim))
        assert (await choose(owner, page)).status_code == 200
        assert not await is_in(attacker)
        assert "linked to none here" in (await come(attacker, "others")).text
        assert not await is_in(attacker)


async def test_who_is_invited_to_an_account_that_another_made_shares_it_with_nobody(
    place: Installation, others: Upstream
):
    victim = f"{secrets.token_hex(6)}@example.com"
    somebody(others, email=victim)
    async with place.browser() as attacker, place.browser() as owner:
        await come(attacker, "others")
        prepared = await found(place, victim)
        assert prepared is not None
        await place.authority.store.transact(
            lambda tx: joining.invite(place.authority, tx, prepared, CLI)
        )
        page = await open_welcome(owner, await token_for(place, victim))
        assert (await join(owner, page)).status_code == 200
        assert await identities_of(place, prepared.id) == []
        assert "linked to none here" in (await come(attacker, "others")).text


async def test_an_account_that_a_lying_provider_made_is_no_invitation(
    place: Installation, others: Upstream
):
    """Its owner, who comes by a trusted provider, would share it with whoever made it."""
    victim = f"{secrets.token_hex(6)}@example.com"
    somebody(others, email=victim)
    async with place.browser() as attacker:
        await come(attacker, "others")
        person = Person(place, attacker)
        page = await person.follow(await attacker.get("/sign-in/authenticator?next=security"))
        await confirm(person, page)
    async with upstream(Upstream, place.clock) as trusted, place.browser() as owner:
        await add_provider(place, trusted, "trusted", trusts_email=True)
        somebody(trusted, email=victim)
        assert "linked to none here" in (await come(owner, "trusted")).text
        prepared = await found(place, victim)
        assert prepared is not None
        assert [each.provider_id for each in await identities_of(place, prepared.id)] == ["others"]
        await ask(owner, victim)
        page = await open_link(owner, await token_for(place, victim))
        assert (await choose(owner, page)).status_code == 200
        await come(owner, "trusted")
        assert await is_in(owner)
        linked = await identities_of(place, prepared.id)
        assert [each.provider_id for each in linked] == ["trusted"]
        await place.authority.store.transact(lambda tx: tx.providers.remove("trusted"))


async def test_an_address_that_only_looks_or_folds_alike_is_another(place: Installation):
    async with upstream(Upstream, place.clock) as trusted:
        await add_provider(place, trusted, "trusted", trusts_email=True)
        name = secrets.token_hex(6)
        owner = await place.add_user(f"strasse-{name}@example.com", email_verified=True)
        for alike in (f"straße-{name}@example.com", f"\u017ftrasse-{name}@example.com"):
            somebody(trusted, email=alike)
            async with place.browser() as browser:
                await come(browser, "trusted")
                assert not await is_in(browser)
        somebody(trusted, email=owner.email.upper())
        async with place.browser() as browser:
            await come(browser, "trusted")
            assert await is_in(browser)
        assert len(await identities_of(place, owner.id)) == 1
        await place.authority.store.transact(lambda tx: tx.providers.remove("trusted"))


async def test_a_link_elsewhere_makes_nobody_another_person_in_passing(
    place: Installation, theirs: Upstream
):
    """Who is signed in is asked by the provider, whatever the address says."""
    somebody(theirs)
    async with place.browser() as first:
        await come(first)
    await _believe(place, silent=True)
    own = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    async with place.browser() as browser:
        await Person(place, browser, own.email).sign_in(await browser.get("/sign-in"))
        sent_there = await browser.get("/sign-in/with/theirs?silent=yes")
        asked = parse_qs(urlsplit(sent_there.headers["location"]).query)
        assert asked["prompt"] == ["login"]
    await _believe(place, silent=False)


async def _believe(place: Installation, **policy: bool) -> None:
    async def work(tx: Any) -> None:
        found: Provider = await tx.providers.find("theirs")
        await tx.providers.update(replace(found, policy=replace(found.policy, **policy)))

    await place.authority.store.transact(work)


async def test_the_same_subject_of_two_providers_is_two_people(
    place: Installation, theirs: Upstream, others: Upstream
):
    subject = secrets.token_hex(6)
    users = []
    for provider_id, it in (("theirs", theirs), ("others", others)):
        it.sign_in(subject, email=f"{provider_id}-{subject}@example.com", email_verified=True)
        async with place.browser() as browser:
            await come(browser, provider_id)
            assert await is_in(browser)
        user = await found(place, f"{provider_id}-{subject}@example.com")
        assert user is not None
        users.append(user.id)
    assert len(set(users)) == 2


async def test_nothing_that_a_provider_writes_is_shown_or_believed(
    place: Installation, theirs: Upstream
):
    """Neither in the address nor in names: an error is one of our own sentences."""
    somebody(theirs)
    script = "<script>alert(1)</script> Call +1 555 0100"
    theirs.answer = {"error": script, "error_description": script, "error_uri": "javascript:1"}
    async with place.browser() as browser:
        page = await come(browser)
        assert "You were not signed in there" in page.text
        assert "555 0100" not in page.text
        assert "555 0100" not in (await browser.get(f"/sign-in?said={script}")).text
    theirs.answer = {}
    somebody(theirs, name="\u202eevil<b>", email=f"{secrets.token_hex(4)}@example.com")
    async with place.browser() as browser:
        await come(browser)
        page = await browser.get("/account/profile")
        assert page.status_code == 200
        assert "\u202e" not in page.text


async def test_somebody_elses_account_is_not_linked_by_leading_a_browser_there(
    place: Installation, theirs: Upstream
):
    """Whoever signed the victim's browser in at the provider links nothing by links alone."""
    victim = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    somebody(theirs)
    async with place.browser() as browser, place.browser() as attacker:
        await Person(place, browser, victim.email).sign_in(await browser.get("/sign-in"))
        there = await away(browser, await browser.get("/account/providers/link/theirs"))
        page = await back(browser, there)
        assert theirs.person["email"] in page.text
        assert await identities_of(place, victim.id) == []
        form = hidden_fields(page.text)
        forged = await browser.post("/account/providers/link", data={"offer": form["offer"]})
        assert forged.status_code == 403
        own = await place.add_user(f"{secrets.token_hex(6)}@example.com")
        await Person(place, attacker, own.email).sign_in(await attacker.get("/sign-in"))
        theirs_form = hidden_fields((await attacker.get("/account/profile")).text)
        stolen = {"csrf": theirs_form["csrf"], "offer": form["offer"]}
        assert (await attacker.post("/account/providers/link", data=stolen)).status_code == 400
        assert await identities_of(place, own.id) == []


async def test_who_has_signed_in_since_is_asked_for_no_link_that_another_began(
    place: Installation, theirs: Upstream
):
    """One browser, two people: the account there is that of whoever sat there before."""
    somebody(theirs)
    first, second = [await place.add_user(f"{secrets.token_hex(6)}@example.com") for _ in range(2)]
    async with place.browser() as browser:
        await Person(place, browser, first.email).sign_in(await browser.get("/sign-in"))
        there = await away(browser, await browser.get("/account/providers/link/theirs"))
        form = hidden_fields((await browser.get("/account/profile")).text)
        await browser.post("/account/sign-out", data=form)
        await Person(place, browser, second.email).sign_in(await browser.get("/sign-in"))
        answer = await browser.get(there.headers["location"])
        assert answer.headers["location"].endswith("/sign-in?said=over")
    assert await identities_of(place, second.id) == []


async def test_who_is_disabled_here_does_not_come_in_by_a_provider(
    place: Installation, theirs: Upstream
):
    email = somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
        assert await is_in(browser)
    user = await found(place, email)
    assert user is not None
    await place.authority.store.transact(lambda tx: disable_user(tx, user.id, CLI))
    async with place.browser() as browser:
        await come(browser)
        assert not await is_in(browser)
    sessions = await place.authority.store.read(lambda tx: tx.sessions.of_user(user.id))
    assert [each for each in sessions if each.ended_at is None] == []


async def test_an_account_elsewhere_is_linked_to_one_person_alone(
    place: Installation, theirs: Upstream
):
    somebody(theirs, email=None)
    people = [await place.add_user(f"{secrets.token_hex(6)}@example.com") for _ in range(2)]
    linked = []
    for user in people:
        async with place.browser() as browser:
            await Person(place, browser, user.email).sign_in(await browser.get("/sign-in"))
            linked.append((await link(browser)).status_code)
    assert linked == [303, 400]
    assert await identities_of(place, people[1].id) == []


async def test_another_persons_link_is_not_unlinked(place: Installation, theirs: Upstream):
    email = somebody(theirs)
    async with place.browser() as browser, place.browser() as attacker:
        await come(browser)
        user = await found(place, email)
        assert user is not None
        (identity,) = await identities_of(place, user.id)
        own = await place.add_user(f"{secrets.token_hex(6)}@example.com")
        await Person(place, attacker, own.email).sign_in(await attacker.get("/sign-in"))
        csrf = hidden_fields((await attacker.get("/account/profile")).text)["csrf"]
        form = {"csrf": csrf, "identity": identity.id}
        refused = await attacker.post("/account/providers/unlink", data=form)
        assert "no such linked account" in refused.text
    assert len(await identities_of(place, user.id)) == 1


async def test_half_a_sign_in_by_an_account_that_was_unlinked_is_over(
    place: Installation, theirs: Upstream
):
    """Whoever is in that account waits at the second page, with a code of the owner's."""
    owner = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    somebody(theirs, email=None)
    async with place.browser() as browser, place.browser() as elsewhere:
        person = Person(place, browser, owner.email, owner.id)
        _, codes = await enrol(person)
        assert (await link(browser)).status_code == 303
        thief = Person(place, elsewhere, owner.email, owner.id)
        page = await come(elsewhere)
        assert "One more step" in page.text
        (identity,) = await identities_of(place, owner.id)
        form = hidden_fields((await browser.get("/account/providers")).text)
        form |= {"identity": identity.id}
        assert (await browser.post("/account/providers/unlink", data=form)).status_code == 303
        await show(thief, page, codes[0])
        assert not await is_in(elsewhere)
        assert await is_in(browser)


async def test_who_comes_back_without_signing_in_anew_changes_nothing(
    place: Installation, theirs: Upstream
):
    """S105: a provider that skips `prompt=login` is not taken at its word."""
    somebody(theirs)
    async with place.browser() as browser:
        await come(browser)
        theirs.claims = {"auth_time": int(place.clock()) - 900}
        page = await come(browser, query="?next=delete")
        assert FAILED in page.text
        asked = await browser.get("/account/delete")
        assert asked.status_code in {200, 303}
    theirs.claims = {"auth_time": int(place.clock()) - 900}
    async with place.browser() as browser:
        await come(browser)
        asked = await browser.get("/account/delete")
        assert asked.headers["location"] == "/sign-in?next=delete"


async def test_a_disabled_or_unknown_provider_lets_nobody_in(place: Installation, theirs: Upstream):
    somebody(theirs)
    async with place.browser() as browser:
        there = await sent(browser)
        await _set(place, disabled_at=1)
        assert OVER in (await get(browser, there.headers["location"])).text
        assert (await browser.get("/sign-in/with/theirs")).status_code == 403
        assert (await browser.get("/sign-in/with/nobody")).status_code == 403
        assert "Theirs" not in (await browser.get("/sign-in")).text
        await _set(place, disabled_at=None)
        assert "Theirs" in (await browser.get("/sign-in")).text


async def _set(place: Installation, **members: Any) -> None:
    async def work(tx: Any) -> None:
        provider: Provider = await tx.providers.find("theirs")
        await tx.providers.update(replace(provider, **members))

    await place.authority.store.transact(work)


async def test_no_secret_of_a_sign_in_stands_in_the_log(
    place: Installation, theirs: Upstream, caplog: pytest.LogCaptureFixture
):
    somebody(theirs)
    caplog.set_level(logging.DEBUG, "counterfoil")
    async with place.browser() as browser:
        there = await sent(browser)
        code = parse_qs(urlsplit(there.headers["location"]).query)["code"][0]
        theirs.claims = {"aud": "another"}
        await back(browser, there)
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "nobody comes in from the provider theirs" in said
    assert code not in said
    assert "a secret of ours" not in said


@pytest.mark.parametrize(
    ("networks", "fetched"),
    [((), {}), (("127.0.0.0/8",), {"/.well-known/openid-configuration": 1})],
)
async def test_a_server_that_people_use_asks_no_machine_of_its_own_unless_it_may(
    tmp_path: Path, networks: tuple[str, ...], fetched: dict[str, int]
):
    """Who may add a provider would else read what listens beside the server by it."""
    settings: dict[str, Any] = {"issuer": "https://id.example.com", "provider_networks": networks}
    async with installed(tmp_path, **settings) as ours, upstream(Upstream, ours.clock) as inside:
        await add_provider(ours, inside, "inside")
        async with ours.browser() as browser:
            answer = await browser.get("/sign-in/with/inside")
        assert answer.status_code == 303
        assert ("said=failed" in answer.headers["location"]) is not bool(networks)
        assert inside.fetched == fetched


async def test_setting_an_app_up_on_the_way_makes_no_old_sign_in_a_fresh_one(tmp_path: Path):
    """S105, S114: it stays as old as it is there, and ends when it ends there."""
    demanded = SETTINGS | {"second_factor_for": "everyone"}
    async with (
        installed(tmp_path, **demanded) as own,
        provided(own) as it,
        own.browser() as browser,
    ):
        it.sign_in("old", email="old@example.com", email_verified=True)
        it.auth_time = int(own.clock()) - 3600
        await confirm(Person(own, browser), await come(browser))
        assert await is_in(browser)
        read = own.authority.store.read
        user = await read(lambda tx: tx.users.find_by_email("old@example.com"))
        assert user is not None
        (session,) = await read(lambda tx: tx.sessions.of_user(user.id))
        assert session.auth_time == it.auth_time
        assert (await browser.get("/account/data")).status_code == 303
        assert await read(lambda tx: tx.identities.session(session.id)) is not None
