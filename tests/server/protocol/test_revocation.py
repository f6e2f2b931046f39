"""Every way of ending: what ends, what stands, what is noted, and what guards are told."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import SKEW, Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path):
    """Ada with two sessions and a grant: an online family in each session, and an offline one."""
    async with installed(tmp_path) as place:
        await place.authority.store.transact(lambda tx: begin(tx, place.user.id))
        yield place


async def begin(tx: Transaction, user_id: str) -> None:
    access = Access(openid=frozenset({"openid"}))
    grant = Grant(
        id="grant",
        user_id=user_id,
        client_id="app",
        access=access,
        created_at=tx.now,
        updated_at=tx.now,
    )
    await tx.grants.allow(grant)
    for name in ("here", "there"):
        await tx.sessions.add(
            Session(
                id=name,
                digest=name.encode(),
                user_id=user_id,
                auth_time=tx.now,
                last_used_at=tx.now,
                expires_at=tx.now + 10**6,
                origin=Origin(),
            )
        )
    online = Family(
        id="f-here",
        grant_id="grant",
        client_id="app",
        user_id=user_id,
        session_id="here",
        access=access,
        auth_time=tx.now,
        created_at=tx.now,
        last_used_at=tx.now,
        access_expires_at=tx.now + 3600,
        origin=Origin(),
    )
    await tx.families.add(online)
    await tx.families.add(replace(online, id="f-there", session_id="there"))
    await tx.families.add(replace(online, id="f-offline", session_id=None))


async def end(place: Installation, verb: Any, *arguments: str) -> tuple[Ending, list[Notice]]:
    """Run a verb; gives its answer, and the notices that it appended."""
    store = place.authority.store
    before = (await store.read(lambda tx: tx.notices.head()))[0].number
    ending = await store.transact(lambda tx: verb(tx, *arguments, CLI))
    rows = await store.read(lambda tx: tx.notices.after(before, 100))
    return ending, [notice_from(text) for _, text in rows]


async def living(place: Installation) -> set[str]:
    families = await place.authority.store.read(lambda tx: tx.families.live_of_user(place.user.id))
    return {family.id for family in families}


async def kinds(place: Installation) -> list[EventKind]:
    events = await place.authority.store.read(lambda tx: tx.events.latest(5))
    assert {event.actor for event in events[:1]} == {"cli"}
    return [event.kind for event in events]


def ends_family(place: Installation, name: str) -> Notice:
    return Notice(Ended.FAMILY, name, int(place.clock()) + 3600 + SKEW)


async def test_a_family_ends_and_nothing_beside_it(place: Installation):
    """S45's rule for families: siblings stand; S41: the notice lives as long as the last token."""
    ending, notices = await end(place, revocation.end_family, "f-here", "why")
    assert notices == [ends_family(place, "f-here")]
    assert await living(place) == {"f-there", "f-offline"}
    assert ending.families == 1
    assert (await kinds(place))[0] is EventKind.FAMILY_ENDED


async def test_what_has_ended_is_not_ended_again(place: Installation):
    await end(place, revocation.end_family, "f-here", "why")
    ending, notices = await end(place, revocation.end_family, "f-here", "why")
    assert (ending.families, notices) == (0, [])
    ending, notices = await end(place, revocation.end_family, "nothing", "why")
    assert (ending.families, notices) == (0, [])


async def test_a_session_takes_its_online_families_along(place: Installation):
    """S05: the other session stands; S39: what was issued here is dead; offline ones stand."""
    ending, notices = await end(place, revocation.end_session, "here")
    assert notices == [ends_family(place, "f-here")]
    assert await living(place) == {"f-there", "f-offline"}
    assert (ending.sessions, ending.families) == (1, 1)
    sessions = await place.authority.store.read(lambda tx: tx.sessions.of_user(place.user.id))
    assert [session.id for session in sessions] == ["there"]


async def test_signing_out_of_an_app_keeps_the_permission(place: Installation):
    """S44: all that was issued until now, in one call; S04: the grant stands."""
    ending, notices = await end(place, revocation.sign_out_of_app, "grant")
    assert {notice.name for notice in notices} == {"f-here", "f-there", "f-offline"}
    assert ending.families == 3
    grant = await place.authority.store.read(lambda tx: tx.grants.find("grant"))
    assert grant is not None
    assert grant.ended_at is None


async def test_a_grant_ends_with_every_family(place: Installation):
    """S46: every token of the authorization in one call; S03: the permission goes too."""
    _, notices = await end(place, revocation.end_grant, "grant")
    assert {notice.name for notice in notices} == {"f-here", "f-there", "f-offline"}
    assert await living(place) == set()
    grant = await place.authority.store.read(lambda tx: tx.grants.find("grant"))
    assert grant is not None
    assert grant.ended_at == int(place.clock())
    assert EventKind.GRANT_ENDED in await kinds(place)


async def test_everything_of_a_person_ends_and_the_permissions_stay(place: Installation):
    """S47: sessions and tokens, offline ones too."""
    ending, notices = await end(place, revocation.end_everything_of, place.user.id, "why")
    assert {notice.name for notice in notices} == {"f-here", "f-there", "f-offline"}
    assert (ending.sessions, ending.families) == (2, 3)
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(place.user.id))
    assert [grant.id for grant in grants] == ["grant"]


async def test_a_disabled_person_holds_nothing(place: Installation):
    """S33, S47."""
    await end(place, revocation.disable_user, place.user.id)
    assert await living(place) == set()
    user = await place.authority.store.read(lambda tx: tx.users.find(place.user.id))
    assert user is not None
    assert not user.is_enabled


async def test_a_disabled_client_takes_all_its_tokens_along(place: Installation):
    """S44: one notice for all of them, with a family or without, however many they are."""
    ending, notices = await end(place, revocation.disable_client, "app")
    assert ending.families == 3
    assert await living(place) == set()
    (notice,) = notices
    assert (notice.kind, notice.name, notice.generation) == (Ended.CLIENT, "app", 2)
    assert await kinds(place) == [EventKind.CLIENT_DISABLED, *(await kinds(place))[1:]]


async def test_what_is_disabled_is_not_disabled_again(place: Installation):
    """Nothing can have been issued to a disabled client: no second notice, no second event."""
    await end(place, revocation.disable_client, "app")
    events = await kinds(place)
    ending, notices = await end(place, revocation.disable_client, "app")
    assert (ending.ended, ending.families, notices) == (False, 0, [])
    assert await kinds(place) == events


async def test_one_token_ends_by_its_name(place: Installation):
    """S45: exactly one; S48: nobody need hold it; S41: remembered until it would have expired."""
    now = int(place.clock())

    async def known(tx: Transaction, by: Any) -> Ending:
        return await revocation.end_token(tx, "a-jti", now + 50, by)

    async def unknown(tx: Transaction, by: Any) -> Ending:
        return await revocation.end_token(tx, "b-jti", None, by)

    _, notices = await end(place, known)
    assert notices == [Notice(Ended.TOKEN, "a-jti", now + 50 + SKEW)]
    _, notices = await end(place, unknown)
    longest = place.authority.settings.longest_lifetime
    assert notices == [Notice(Ended.TOKEN, "b-jti", now + longest + SKEW)]


async def test_the_answer_names_the_place_in_the_feed(place: Installation):
    """Whoever must be sure waits until the guards have reached it."""
    ending, _ = await end(place, revocation.end_grant, "grant")
    await place.authority.hub.catch_up()
    assert ending.position == place.authority.hub.position
