"""Every way of ending: what is foreseen is what ends, with one event, once, and nothing else."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.revocations import Ended, notice_from
from counterfoil.server.protocol import endings
from counterfoil.server.protocol.endings import ENDINGS, Ending, Ends, Foreseen, Target
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, installed

pytestmark = pytest.mark.anyio

BY = Actor("user:somebody", Origin("192.0.2.7", "Firefox"))
JTI = "J" * 22
PEOPLE, APPS, BROWSERS = ("ada", "bob"), ("app", "spa"), ("one", "two")

OWN_EVENT = {
    Ends.TOKEN: EventKind.TOKEN_ENDED,
    Ends.FAMILY: EventKind.FAMILY_ENDED,
    Ends.SESSION: EventKind.SESSION_ENDED,
    Ends.REMEMBERED: EventKind.BROWSER_FORGOTTEN,
    Ends.APP_SESSIONS: EventKind.APP_SIGNED_OUT,
    Ends.GRANT: EventKind.GRANT_ENDED,
    Ends.USER: EventKind.USER_SIGNED_OUT,
    Ends.CLIENT: EventKind.CLIENT_TOKENS_ENDED,
    Ends.API: EventKind.API_TOKENS_ENDED,
    Ends.PERSONAL_TOKEN: EventKind.PERSONAL_TOKEN_ENDED,
    Ends.MINT_RIGHT: EventKind.MINT_RIGHT_WITHDRAWN,
    Ends.KEY: EventKind.KEY_WITHDRAWN,
}


class World(Struct, frozen=True):
    """Who has let which app in, from which browser (``None``: offline), and what has ended."""

    sessions: dict[tuple[str, str], bool]
    families: list[tuple[str, str, str | None, str]]


def reachable(world: World) -> World:
    """Nothing lives in a session that has ended."""
    families = [
        (p, a, b, "ended" if b and world.sessions.get((p, b)) else state)
        for p, a, b, state in world.families
    ]
    return World(world.sessions, families)


WORLDS = st.builds(
    World,
    sessions=st.dictionaries(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(BROWSERS)), st.booleans()
    ),
    families=st.lists(
        st.tuples(
            st.sampled_from(PEOPLE),
            st.sampled_from(APPS),
            st.none() | st.sampled_from(BROWSERS),
            st.sampled_from(["live", "ended", "expired"]),
        ),
        max_size=8,
    ),
).map(reachable)


async def build(tx: Transaction, world: World, emails: dict[str, str]) -> None:
    for (person, browser), ended in world.sessions.items():
        await tx.sessions.add(session(tx, person, browser, emails[person], ended=ended))
    for person in PEOPLE:
        for app in APPS:
            await tx.grants.allow(grant(tx, f"{person}-{app}", emails[person], app))
    for number, (person, app, browser, state) in enumerate(world.families):
        new = family(tx, f"f{number}", f"{person}-{app}", (emails[person], app))
        new = replace(new, session_id=f"{person}-{browser}" if browser else None)
        if state == "expired":
            new = replace(new, access_expires_at=tx.now - 3600)
        await tx.families.add(new)
        if state == "ended":
            await tx.families.end(new.id, tx.now - 10, "before")


def session(tx: Transaction, person: str, browser: str, user_id: str, *, ended: bool) -> Session:
    return Session(
        id=f"{person}-{browser}",
        digest=f"{person}-{browser}".encode(),
        user_id=user_id,
        auth_time=tx.now,
        last_used_at=tx.now,
        expires_at=tx.now + 10**6,
        origin=Origin(),
        ended_at=tx.now - 10 if ended else None,
    )


def grant(tx: Transaction, name: str, user_id: str, app: str) -> Grant:
    access = Access(openid=frozenset({"openid"}))
    return Grant(
        id=name,
        user_id=user_id,
        client_id=app,
        access=access,
        created_at=tx.now,
        updated_at=tx.now,
    )


def family(tx: Transaction, name: str, grant_id: str, of: tuple[str, str]) -> Family:
    return Family(
        id=name,
        grant_id=grant_id,
        client_id=of[1],
        user_id=of[0],
        session_id=None,
        access=Access(openid=frozenset({"openid"})),
        auth_time=tx.now,
        created_at=tx.now,
        last_used_at=tx.now,
        access_expires_at=tx.now + 3600,
        origin=Origin(),
    )


@asynccontextmanager
async def peopled(world: World) -> AsyncIterator[tuple[Installation, dict[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        async with installed(Path(folder)) as place:
            assert place.user is not None
            bob = await place.add_user("bob@example.com")
            people = {"ada": place.user.id, "bob": bob.id}
            await place.authority.store.transact(lambda tx: build(tx, world, people))
            yield place, people


async def standing(place: Installation, people: dict[str, str]) -> tuple[set[str], set[str]]:
    """The sessions and families that stand."""

    async def work(tx: Transaction) -> tuple[set[str], set[str]]:
        families = [
            each for user in people.values() for each in await tx.families.live_of_user(user)
        ]
        return {each.id for each in await tx.sessions.every()}, {each.id for each in families}

    return await place.authority.store.read(work)


async def end(place: Installation, target: Target) -> tuple[Foreseen, Ending, list[Event]]:
    """Foresee, carry out, and give the events that were written."""
    authority = place.authority

    async def count(tx: Transaction) -> int:
        return (await tx.events.latest(1))[0].number

    async def since(tx: Transaction) -> list[Event]:
        return [event for event in await tx.events.latest(100) if event.number > before]

    before = await authority.store.read(count)
    foreseen = await authority.store.read(lambda tx: endings.foresee(authority, tx, target))
    ending = await authority.store.transact(lambda tx: endings.carry_out(authority, tx, target, BY))
    return foreseen, ending, await authority.store.read(since)


def under(world: World, target: Target) -> tuple[set[str], set[str]]:
    """By the rules, and not by our code: the sessions and families that this target ends."""
    live = {
        f"f{number}": (person, app, browser)
        for number, (person, app, browser, state) in enumerate(world.families)
        if state == "live"
    }
    open_ = {f"{p}-{b}" for (p, b), ended in world.sessions.items() if not ended}
    match target.kind:
        case Ends.FAMILY:
            return set(), {target.name} & set(live)
        case Ends.SESSION:
            return open_ & {target.name}, {
                f for f, (p, _, b) in live.items() if f"{p}-{b}" == target.name
            }
        case Ends.GRANT | Ends.APP_SESSIONS:
            return set(), {f for f, (p, a, _) in live.items() if f"{p}-{a}" == target.name}
        case Ends.CLIENT:
            return set(), {f for f, (_, a, _) in live.items() if a == target.name}
    return set(), set()


TARGETS = st.one_of(
    st.builds(Target, st.just(Ends.FAMILY), st.integers(0, 7).map("f{}".format)),
    st.builds(
        Target,
        st.just(Ends.SESSION),
        st.sampled_from([f"{p}-{b}" for p in PEOPLE for b in BROWSERS]),
    ),
    st.builds(
        Target,
        st.sampled_from([Ends.GRANT, Ends.APP_SESSIONS]),
        st.sampled_from([f"{p}-{a}" for p in PEOPLE for a in APPS]),
    ),
    st.builds(Target, st.just(Ends.CLIENT), st.sampled_from(APPS)),
)


@given(WORLDS, TARGETS)
@settings(max_examples=40, deadline=None)
async def test_what_is_foreseen_is_what_ends_and_its_siblings_stand(world: World, target: Target):
    """Property: counts, records and the log agree, whatever had ended before."""
    async with peopled(world) as (place, people):
        before = await standing(place, people)
        try:
            foreseen, ending, events = await end(place, target)
        except OAuthError:
            assert target.kind in {Ends.FAMILY, Ends.SESSION}
            assert await standing(place, people) == before
            return
        sessions, families = under(world, target)
        assert (foreseen.sessions, foreseen.families) == (len(sessions), len(families))
        assert (ending.sessions, ending.families) == (len(sessions), len(families))
        after = await standing(place, people)
        assert after == (before[0] - sessions, before[1] - families)
        own = [e for e in events if e.kind is OWN_EVENT[target.kind] and e.subject == target.name]
        assert len(own) == (0 if foreseen.nothing else 1)
        assert all((event.actor, event.address) == (BY.name, "192.0.2.7") for event in events)


@given(WORLDS, st.sampled_from(PEOPLE))
@settings(max_examples=15, deadline=None)
async def test_everything_of_a_person_is_foreseen_and_ends(world: World, person: str):
    """S47: and nothing of anybody else; every session and family keeps its own line."""
    async with peopled(world) as (place, people):
        before = await standing(place, people)
        foreseen, ending, events = await end(place, Target(Ends.USER, people[person]))
        sessions = {each for each in before[0] if each.startswith(person)}
        families = {f for f in before[1] if world.families[int(f[1:])][0] == person}
        assert (foreseen.sessions, foreseen.families) == (len(sessions), len(families))
        assert (ending.sessions, ending.families) == (len(sessions), len(families))
        assert await standing(place, people) == (before[0] - sessions, before[1] - families)
        lines = [event.kind for event in events]
        assert lines.count(EventKind.USER_SIGNED_OUT) == (1 if sessions or families else 0)
        assert lines.count(EventKind.SESSION_ENDED) == len(sessions)
        assert lines.count(EventKind.FAMILY_ENDED) == len(families)


EXAMPLE = World({("ada", "one"): False}, [("ada", "app", "one", "live")])
ONCE = [
    Target(Ends.TOKEN, JTI),
    Target(Ends.FAMILY, "f0"),
    Target(Ends.SESSION, "ada-one"),
    Target(Ends.APP_SESSIONS, "ada-app"),
    Target(Ends.GRANT, "ada-app"),
    Target(Ends.USER, "ada"),
]


@pytest.mark.parametrize("target", ONCE, ids=lambda target: target.kind.value)
async def test_nothing_ends_twice(target: Target):
    """The second time says so: no event, no notice, and the receipt of the first is as good."""
    async with peopled(EXAMPLE) as (place, people):
        target = replace(target, name=people.get(target.name, target.name))
        foreseen, first, events = await end(place, target)
        assert not foreseen.nothing
        assert first.ended
        assert events
        foreseen, second, events = await end(place, target)
        assert foreseen.nothing
        assert "Nothing is left to end." in foreseen.sentence
        assert second == Ending(0, 0, first.position, ended=False)
        assert events == []


async def test_a_browser_is_forgotten_with_the_session_that_it_got():
    """S24: what was forgotten is not there any more, and no other browser ends with it."""
    world = World({("ada", "one"): False, ("ada", "two"): False}, [("ada", "app", "one", "live")])
    async with peopled(world) as (place, people):

        async def remember(tx: Transaction) -> None:
            one = await tx.sessions.find("ada-one")
            assert one is not None
            assert await tx.sessions.tie(one.id, one.digest, "of-one")
            remembered = RememberedBrowser(
                id="of-one", user_id=people["ada"], digest=b"1", browser="b", auth_time=tx.now,
                amr=("pwd",), used_at=tx.now, expires_at=tx.now + 86_400, origin=Origin(),
            )  # fmt: skip
            await tx.remembered_browsers.add(remembered)

        await place.authority.store.transact(remember)
        target = Target(Ends.REMEMBERED, "of-one")
        foreseen, ending, events = await end(place, target)
        assert (foreseen.sessions, foreseen.families, foreseen.apps) == (1, 1, ("App",))
        assert (ending.sessions, ending.families, ending.remembered) == (1, 1, 1)
        assert await standing(place, people) == ({"ada-two"}, set())
        (told,) = [each for each in events if each.kind is OWN_EVENT[Ends.REMEMBERED]]
        assert told.detail == {"why": "forgotten", "remembered": "of-one"}
        with pytest.raises(OAuthError, match="There is no remembered browser of-one"):
            await end(place, target)


async def test_a_key_is_withdrawn_once():
    """S84."""
    async with peopled(EXAMPLE) as (place, _):
        keys = await place.authority.store.read(lambda tx: tx.signing_keys.every(Purpose.TOKENS))
        target = Target(Ends.KEY, keys[0].kid)
        foreseen, first, events = await end(place, target)
        assert "Every token that the key" in foreseen.sentence
        withdrawn = [event for event in events if event.kind is EventKind.KEY_WITHDRAWN]
        assert [(each.subject, each.address) for each in withdrawn] == [(keys[0].kid, "192.0.2.7")]
        _, second, events = await end(place, target)
        assert second == Ending(0, 0, first.position, ended=False)
        assert events == []


@pytest.mark.parametrize("target", [Target(Ends.CLIENT, "app"), Target(Ends.API, NOTES)])
async def test_tokens_that_are_kept_nowhere_end_again(target: Target):
    """What was issued since cannot be known, so each time draws a generation of its own."""
    async with peopled(EXAMPLE) as (place, _):
        _, first, _ = await end(place, target)
        _, second, events = await end(place, target)
        assert second.position.number == first.position.number + 1
        assert [event.kind for event in events] == [OWN_EVENT[target.kind]]
        rows = await place.authority.store.read(lambda tx: tx.notices.after(0, 100))
        notices = [notice_from(text) for _, text in rows]
        ended = [
            (each.name, each.generation) for each in notices if each.kind != Ended.KEYS_CHANGED
        ]
        assert ended == [(target.name, 2), (target.name, 3)]


async def test_of_a_disabled_client_nothing_is_left():
    async with peopled(EXAMPLE) as (place, _):
        await place.authority.store.transact(lambda tx: tx.clients.disable("app", tx.now))
        foreseen, ending, events = await end(place, Target(Ends.CLIENT, "app"))
        assert (foreseen.nothing, ending.ended, events) == (True, False, [])


@pytest.mark.parametrize("kind", list(Ends))
async def test_what_is_not_there_is_neither_foreseen_nor_ended(kind: Ends):
    async with peopled(EXAMPLE) as (place, _):
        for verb in (endings.foresee, lambda *given: endings.carry_out(*given, BY)):
            with pytest.raises(OAuthError) as raised:
                await place.authority.store.transact(
                    lambda tx, verb=verb: verb(place.authority, tx, Target(kind, "nothing"))
                )
            assert raised.value.error == "invalid_request"


async def test_sentences_name_the_apps_and_the_counts():
    """A person reads before they press: how much ends, and what stands."""
    async with peopled(
        World(
            {("ada", "one"): False},
            [("ada", "app", "one", "live"), ("ada", "spa", None, "live")],
        )
    ) as (place, people):

        async def said(target: Target) -> str:
            read = place.authority.store.read
            return (await read(lambda tx: endings.foresee(place.authority, tx, target))).sentence

        everything = await said(Target(Ends.USER, people["ada"]))
        assert "1 browser and 2 sessions of apps (App, Spa)" in everything
        assert "The account and the permissions of apps stay." in everything
        assert "and with it 1 session of apps (App)." in await said(Target(Ends.SESSION, "ada-one"))
        assert "App loses its permission" in await said(Target(Ends.GRANT, "ada-app"))
        assert "It keeps its permission" in await said(Target(Ends.APP_SESSIONS, "ada-app"))
        assert "1 session of people" in await said(Target(Ends.CLIENT, "app"))
        assert "Every token for Notes ends" in await said(Target(Ends.API, NOTES))


def test_every_kind_has_its_way():
    assert set(ENDINGS) == set(Ends) == set(OWN_EVENT)
