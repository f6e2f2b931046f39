"""Flow (e), for each way of ending: the guard refuses what was ended, and its siblings stand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from counterfoil.guard import Guard
from counterfoil.oauth.feed import Position, position_from
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import endings
from counterfoil.server.protocol.endings import Ending, Ends, Target
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.client import END_USERS
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.flows.serving import fresh, refusal, refusal_of, served, until
from tests.installation import (
    CALLBACK,
    NOTES,
    PASSWORD,
    Installation,
    Person,
    endings_in,
    hidden_fields,
    token_request,
)
from tests.minting import add_minter, give_right, minted, whom

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        await place.add_client("leaky")
        await add_minter(place)
        members = {
            "grant_types": ("authorization_code", "refresh_token"),
            "redirect_uris": (CALLBACK,),
        }
        await place.add_client("gossip", **members)
        await place.add_client("security-desk", scopes=frozenset({END_USERS}))
        yield place


@pytest.fixture(scope="module")
def guard(place: Installation) -> Iterator[Guard]:
    with Guard(issuer=place.issuer, audience=NOTES) as guard:
        yield guard


Chosen = tuple[Target, list[str], list[str]]
"""What is ended, tokens that end with it, and tokens that stand."""


async def one_token(place: Installation, person: Person, visitor: Person) -> Chosen:
    lost, sibling = await place.service_token(), await place.service_token()
    target = await place.target_of(lost)
    return target, [lost], [sibling]


async def one_family(place: Installation, person: Person, visitor: Person) -> Chosen:
    here, there = await person.tokens(), await visitor.tokens()
    target = await place.target_of(here["refresh_token"])
    return target, [here["access_token"]], [there["access_token"]]


async def one_session(place: Installation, person: Person, visitor: Person) -> Chosen:
    there = await visitor.tokens()
    offline = await person.tokens(scope="openid notes:read offline_access")
    here = await person.tokens()
    families = await place.authority.store.read(lambda tx: tx.families.live_of_user(person.user_id))
    fam = (await place.target_of(here["refresh_token"])).name
    session_id = next(each.session_id for each in families if each.id == fam)
    target = Target(Ends.SESSION, session_id)
    return target, [here["access_token"]], [there["access_token"], offline["access_token"]]


async def one_remembered_browser(place: Installation, person: Person, visitor: Person) -> Chosen:
    """By it the browser would get another session, when this one is over."""
    here, there = await person.tokens(), await visitor.tokens()
    offline = await person.tokens(scope="openid notes:read offline_access")
    fam = (await place.target_of(here["refresh_token"])).name

    async def work(tx: Any) -> str:
        session = await tx.sessions.find((await tx.families.find(fam)).session_id)
        remembered = RememberedBrowser(
            id=f"of-{session.id}", user_id=session.user_id, digest=session.digest, browser="b",
            auth_time=tx.now, amr=("pwd",), used_at=tx.now, expires_at=tx.now + 86_400,
            origin=session.origin,
        )  # fmt: skip
        assert await tx.sessions.tie(session.id, session.digest, remembered.id)
        await tx.remembered_browsers.add(remembered)
        return remembered.id

    target = Target(Ends.REMEMBERED, await place.authority.store.transact(work))
    return target, [here["access_token"]], [there["access_token"], offline["access_token"]]


async def of_an_app(
    place: Installation, person: Person, visitor: Person, kind: Ends = Ends.GRANT
) -> Chosen:
    here, there = await person.tokens(), await visitor.tokens()
    other = await person.tokens("spa")
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    (grant,) = [each for each in grants if each.client_id == "app"]
    target = Target(kind, grant.id)
    return target, [here["access_token"], there["access_token"]], [other["access_token"]]


async def everything_of_a_person(place: Installation, person: Person, visitor: Person) -> Chosen:
    offline = await person.tokens(scope="openid notes:read offline_access")
    here, there = await person.tokens("spa"), await visitor.tokens()
    dead = [each["access_token"] for each in (offline, here, there)]
    other = await place.add_user(f"other-{person.email}")
    async with place.browser() as browser:
        stands = await Person(place, browser, other.email, other.id).tokens()
    return Target(Ends.USER, person.user_id), dead, [stands["access_token"]]


async def everything_of_a_client(place: Installation, person: Person, visitor: Person) -> Chosen:
    """Whoever stands behind it: a person's, and the service's own."""
    theirs = await person.tokens("gossip", scope="notes:read")
    mine = await person.tokens()
    return Target(Ends.CLIENT, "gossip"), [theirs["access_token"]], [mine["access_token"]]


async def everything_of_a_service(place: Installation, person: Person, visitor: Person) -> Chosen:
    leaky = [await place.service_token("leaky") for _ in range(2)]
    return Target(Ends.CLIENT, "leaky"), leaky, [await place.service_token()]


async def everything_of_an_api(place: Installation, person: Person, visitor: Person) -> Chosen:
    tokens = await person.tokens()
    return Target(Ends.API, NOTES), [tokens["access_token"], await place.service_token()], []


async def everything_of_a_key(place: Installation, person: Person, visitor: Person) -> Chosen:
    tokens = await person.tokens()
    keys = await place.authority.store.read(lambda tx: tx.signing_keys.every(Purpose.TOKENS))
    signs = next(key for key in reversed(keys) if key.may_sign(int(place.clock())))
    dead = [tokens["access_token"], await place.service_token()]
    return Target(Ends.KEY, signs.kid), dead, []


async def what_a_right_has_made(place: Installation, person: Person, visitor: Person) -> Chosen:
    own = await person.tokens()
    right = await give_right(place, person.user_id)
    token = await minted(place, subject=whom(person.user_id))
    return Target(Ends.MINT_RIGHT, right.id), [token], [own["access_token"]]


WAYS: dict[str, Callable[[Installation, Person, Person], Awaitable[Chosen]]] = {
    "token": one_token,
    "family": one_family,
    "session": one_session,
    "remembered": one_remembered_browser,
    "app_sessions": partial(of_an_app, kind=Ends.APP_SESSIONS),
    "grant": of_an_app,
    "user": everything_of_a_person,
    "client of people": everything_of_a_client,
    "client of its own": everything_of_a_service,
    "api": everything_of_an_api,
    "mint_right": what_a_right_has_made,
    "key": everything_of_a_key,
}


async def end(place: Installation, target: Target) -> Ending:
    authority = place.authority
    return await authority.store.transact(lambda tx: endings.carry_out(authority, tx, target, CLI))


@pytest.mark.parametrize("way", WAYS)
async def test_a_guard_refuses_what_was_ended_and_its_siblings_stand(
    place: Installation, guard: Guard, person: Person, visitor: Person, way: str
):
    """S44, S45, S46, S47, S48, S84: another process ended it, and the feed told the guard."""
    await fresh(guard)
    target, dead, standing = await WAYS[way](place, person, visitor)
    for token in (*dead, *standing):
        guard.check(token)
    ending = await end(place, target)
    assert ending.ended
    assert position_from(str(ending.position)) == ending.position
    for token in dead:
        reason = (await refusal_of(guard, token)).reason
        expected = {Reason.KEY_RETIRED, Reason.UNKNOWN_KEY} if way == "key" else {Reason.REVOKED}
        assert reason in expected
    for token in standing:
        guard.check(token)
    assert guard.check(await new_token(place, guard)).client_id == "service"


async def new_token(place: Installation, guard: Guard) -> str:
    """A token of afterwards: its key may be one that the guard has still to fetch."""
    token = await place.service_token()
    await until(lambda: refusal(guard, token) is None)
    return token


def test_every_kind_is_shown_to_a_guard():
    """A token made by hand is asked about: ``test_personal_token_check.py`` shows its end."""
    shown = {way.partition(" ")[0] for way in WAYS} | {Ends.PERSONAL_TOKEN.value}
    assert shown == {kind.value for kind in Ends}


async def test_a_changed_password_reaches_the_guard(
    place: Installation, guard: Guard, person: Person, visitor: Person
):
    """S38: what others may hold is refused, and this browser's app goes on."""
    await fresh(guard)
    mine, theirs = await person.tokens(), await visitor.tokens()
    away = await person.tokens("spa", scope="openid notes:read offline_access")
    page = await person.browser.get("/account/password")
    new = "a password of her own"
    form = hidden_fields(page.text) | {"current": PASSWORD, "new": new, "again": new}
    assert (await person.browser.post("/account/password", data=form)).status_code == 200
    for tokens in (theirs, away):
        assert (await refusal_of(guard, tokens["access_token"])).reason is Reason.REVOKED
    assert guard.check(mine["access_token"]).subject == person.user_id


async def test_a_person_ends_everything_of_theirs_and_signs_in_anew(
    place: Installation, guard: Guard, person: Person, visitor: Person
):
    """S47: after somebody else has been in."""
    await fresh(guard)
    tokens = [await person.tokens(), await visitor.tokens()]
    page = await person.browser.get("/account/devices")
    (verb,) = [each for each in endings_in(page.text) if "/user/" in each]
    asked = await person.browser.get(verb)
    await person.browser.post(verb, data=hidden_fields(asked.text))
    for each in tokens:
        assert (await refusal_of(guard, each["access_token"])).reason is Reason.REVOKED
        shown = {"grant_type": "refresh_token", "refresh_token": each["refresh_token"]}
        assert (await token_request(place, "app", **shown)).json()["error"] == "invalid_grant"
    page = await person.open()
    assert 'name="password"' in page.text
    again = await person.tokens()
    assert guard.check(again["access_token"]).subject == person.user_id


async def test_another_system_ends_everything_and_the_guard_knows(
    place: Installation, guard: Guard, person: Person
):
    """draft-parecki-oauth-global-token-revocation: access tokens too, though it asks for less."""
    await fresh(guard)
    tokens = await person.tokens()
    guard.check(tokens["access_token"])
    async with place.browser() as browser:
        answer = await browser.post(
            "/global-token-revocation",
            json={"sub_id": {"format": "email", "email": person.email}},
            auth=("security-desk", place.secrets["security-desk"]),
        )
    assert answer.status_code == 204
    assert isinstance(position_from(answer.headers["counterfoil-notice"]), Position)
    assert (await refusal_of(guard, tokens["access_token"])).reason is Reason.REVOKED


@pytest.mark.parametrize("kind", [Ends.FAMILY, Ends.GRANT, Ends.USER, Ends.CLIENT])
async def test_a_refresh_at_the_same_time_brings_nothing_that_stands(
    place: Installation, guard: Guard, person: Person, kind: Ends
):
    """Whichever came first: whatever the refresh brought is dead as well."""
    await fresh(guard)
    tokens = await person.tokens()
    family = (await place.target_of(tokens["refresh_token"])).name
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    names = {
        Ends.FAMILY: family,
        Ends.GRANT: grants[0].id,
        Ends.USER: person.user_id,
        Ends.CLIENT: "app",
    }
    shown = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshes = [token_request(place, "app", **shown) for _ in range(4)]
    _, *answers = await asyncio.gather(end(place, Target(kind, names[kind])), *refreshes)
    held = [tokens["access_token"]]
    held += [each.json()["access_token"] for each in answers if each.status_code == 200]
    for token in held:
        assert (await refusal_of(guard, token)).reason is Reason.REVOKED
    assert (await token_request(place, "app", **shown)).json()["error"] == "invalid_grant"


async def test_ended_by_several_at_once_it_ends_once(place: Installation, person: Person):
    """One notice, one event, however many press the button."""
    await person.tokens()
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    target = Target(Ends.GRANT, grants[0].id)
    done = await asyncio.gather(*(end(place, target) for _ in range(5)))
    assert sorted(each.ended for each in done) == [False] * 4 + [True]
    assert sum(each.families for each in done) == 1

    async def told(tx: Transaction) -> list[str]:
        events = await tx.events.latest(50)
        return [each.kind.value for each in events if each.subject == grants[0].id]

    assert (await place.authority.store.read(told)).count("grant_ended") == 1
