"""Deciding authorization_code: taken once, rolled back for strangers, burned by guesses."""

import asyncio

import pytest

from counterfoil.server.records.authorization import MOST_WRONG_VERIFIERS
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from tests.installation import CALLBACK, NOTES, Installation, Person

pytestmark = pytest.mark.anyio


async def families_of(person: Person) -> list[Family]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.families.live_of_user(person.user_id))


async def kinds(place: Installation) -> list[EventKind]:
    events = await place.authority.store.read(lambda tx: tx.events.latest(2))
    return [event.kind for event in events]


async def test_of_many_takers_one_succeeds(place: Installation, person: Person):
    """§4.2: to check and to spend are one statement."""
    code = await person.code()
    answers = await asyncio.gather(*(person.exchange(code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


async def test_the_family_knows_where_it_came_from(place: Installation, person: Person):
    """S14: person, client, grant and access; the device is that of the browser."""
    person.browser.headers["user-agent"] = "Mozilla/5.0 (X11; Linux) Firefox/140"
    await person.tokens(scope="openid notes:read")
    (family,) = await families_of(person)
    assert family.user_id == person.user_id
    assert family.client_id == "app"
    assert family.access.scopes == {"openid", "notes:read"}
    assert family.origin.user_agent == "Mozilla/5.0 (X11; Linux) Firefox/140"
    assert family.session_id is not None


async def test_offline_access_makes_a_family_without_a_session(place: Installation, person: Person):
    """OpenID Connect Core §11, S08."""
    await person.tokens(scope="openid offline_access")
    (family,) = await families_of(person)
    assert family.is_offline


async def test_the_absolute_end_counts_from_the_sign_in(place: Installation, person: Person):
    """S32: not from the exchange."""
    await person.tokens()
    signed_in_at = int(place.clock())
    place.clock.turn(1000)
    await person.tokens()
    lifetime = place.authority.settings.refresh_absolute_lifetime
    ends = {family.absolute_expires_at for family in await families_of(person)}
    assert ends == {signed_in_at + lifetime}


async def test_a_replay_leaves_its_trace(place: Installation, person: Person):
    """S111: the refusal is committed."""
    code = await person.code()
    await person.exchange(code)
    await person.exchange(code)
    assert await kinds(place) == [EventKind.FAMILY_ENDED, EventKind.CODE_REPLAYED]
    assert await families_of(person) == []


async def test_guesses_burn_the_code(place: Installation, person: Person):
    code = await person.code()
    for _ in range(MOST_WRONG_VERIFIERS):
        await person.exchange(code, code_verifier="w" * 43)
    assert (await kinds(place))[0] is EventKind.CODE_BURNED
    told = (await person.exchange(code)).json()
    assert told["error"] == "invalid_grant"
    assert "not valid" in told["error_description"], "nothing ever came of it"
    assert (await kinds(place))[0] is EventKind.CODE_BURNED, "that was no replay"
    assert await families_of(person) == []


async def test_a_stranger_neither_takes_nor_burns_it(place: Installation, person: Person):
    code = await person.code()
    for _ in range(MOST_WRONG_VERIFIERS + 1):
        await person.exchange(code, "spa")
        await person.exchange(code, "spa", code_verifier="w" * 43)
    assert (await person.exchange(code)).status_code == 200


async def test_a_code_gives_no_more_than_the_grant_still_holds(person: Person):
    """S14: the person may have taken some of it back before the exchange."""
    both = "openid notes:read notes:write"
    code, verifier = await person.code(scope=both), person.verifier
    page = await person.open(scope=both, prompt="consent")
    await person.allow(page, permissions=["openid", f"{NOTES} notes:read"])
    answer = await person.exchange(code, code_verifier=verifier)
    assert set(answer.json()["scope"].split()) == {"openid", "notes:read"}
    (family,) = await families_of(person)
    assert family.access.scopes == {"openid", "notes:read"}


async def test_who_cannot_refresh_is_not_offline(place: Installation, person: Person):
    """OpenID Connect Core §11: offline is whoever may use a refresh token; others end with S39."""
    await place.add_client(
        "brief",
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"openid", "offline_access", "notes:read"}),
    )
    tokens = await person.tokens("brief", scope="openid offline_access notes:read")
    assert "refresh_token" not in tokens
    (family,) = await families_of(person)
    assert not family.is_offline
    assert family.session_id is not None
