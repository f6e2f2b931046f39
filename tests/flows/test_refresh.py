"""Flow (c): refreshing, and what a refresh token that was seen before turns out to be."""

import asyncio

import pytest

from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def refresh(place: Installation, refresh_token: str, client_id: str = "app", **form: str):
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token} | form
    return await token_request(place, client_id, **form)


async def is_active(place: Installation, token: str) -> bool:
    return bool((await place.post("/introspect", "app", token=token)).json()["active"])


async def kinds_of_events(place: Installation) -> list[EventKind]:
    latest = await place.authority.store.read(lambda tx: tx.events.latest(10))
    return [event.kind for event in latest]


async def test_an_expired_access_token_is_replaced_without_the_person(
    place: Installation, person: Person
):
    """S18: the refresh token brings the next one."""
    tokens = await person.tokens()
    place.clock.turn(place.authority.settings.access_token_lifetime)
    assert not await is_active(place, tokens["access_token"])
    answer = await refresh(place, tokens["refresh_token"])
    assert await is_active(place, answer.json()["access_token"])


async def test_a_refresh_does_not_end_the_access_token_before_it(
    place: Installation, person: Person
):
    """S07: a further token beside the first."""
    tokens = await person.tokens()
    await refresh(place, tokens["refresh_token"])
    assert await is_active(place, tokens["access_token"])


async def test_reuse_ends_this_device_and_no_other(
    place: Installation, person: Person, visitor: Person
):
    """S19: reuse is noticed and ends the family; S05: the other machine goes on (§2 Family)."""
    here, there = await person.tokens(), await visitor.tokens()
    renewed = (await refresh(place, here["refresh_token"])).json()
    place.clock.turn(place.authority.settings.refresh_window)
    answer = await refresh(place, here["refresh_token"])
    assert answer.json()["error"] == "invalid_grant"
    assert not await is_active(place, renewed["access_token"])
    assert await is_active(place, there["access_token"])
    assert (await refresh(place, there["refresh_token"])).status_code == 200


async def test_reuse_leaves_its_trace(place: Installation, person: Person):
    """S111: the refusal is committed with its events (§4.1)."""
    tokens = await person.tokens()
    await refresh(place, tokens["refresh_token"])
    place.clock.turn(place.authority.settings.refresh_window)
    await refresh(place, tokens["refresh_token"])
    assert (await kinds_of_events(place))[:2] == [
        EventKind.FAMILY_ENDED,
        EventKind.REFRESH_REUSED,
    ]


async def test_a_hundred_refreshes_are_one_row(place: Installation, person: Person):
    """S93: rows grow with live grants, never with issued tokens (§4.5)."""
    tokens = await person.tokens()
    for _ in range(100):
        tokens = (await refresh(place, tokens["refresh_token"])).json()
    families = await place.authority.store.read(lambda tx: tx.families.live_of_user(person.user_id))
    assert [family.refresh_generation for family in families] == [101]


async def test_two_at_the_same_time_have_one_winner(place: Installation, person: Person):
    """§4.2: to check and to spend are one statement; the loser is told, and nothing ends."""
    tokens = await person.tokens()
    answers = await asyncio.gather(*(refresh(place, tokens["refresh_token"]) for _ in range(8)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.json()["error"] for answer in answers if answer not in won} == {"invalid_grant"}
    assert (await refresh(place, won[0].json()["refresh_token"])).status_code == 200


async def test_an_idle_refresh_token_expires(place: Installation, person: Person):
    """S31: when all lifetimes are over, the person signs in again."""
    tokens = await person.tokens(scope="openid notes:read offline_access")
    place.clock.turn(place.authority.settings.refresh_idle_lifetime - 1)
    tokens = (await refresh(place, tokens["refresh_token"])).json()
    place.clock.turn(place.authority.settings.refresh_idle_lifetime)
    assert (await refresh(place, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    page = await person.open()
    assert 'name="password"' in page.text


async def test_a_chain_of_refreshes_ends_at_a_set_age(place: Installation, person: Person):
    """S32: the chain keeps the time of the sign-in, however often it is refreshed."""
    tokens = await person.tokens(scope="openid notes:read offline_access")
    settings = place.authority.settings
    step = settings.refresh_idle_lifetime - 1
    answers = []
    for _ in range(settings.refresh_absolute_lifetime // step + 1):
        place.clock.turn(step)
        answer = await refresh(place, tokens["refresh_token"])
        answers.append(answer.status_code)
        tokens = answer.json() if answer.status_code == 200 else tokens
    assert answers == [200] * (settings.refresh_absolute_lifetime // step) + [400]


@pytest.mark.parametrize("gone", ["user", "grant", "session", "client"])
async def test_each_refresh_asks_whether_all_still_stands(
    place: Installation, person: Person, gone: str
):
    """S33: user, grant, session and client are looked at anew."""
    await place.add_client(
        f"app-{gone}",
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=("https://app.example/callback",),
    )
    tokens = await person.tokens(f"app-{gone}", scope="notes:read")

    async def work(tx: Transaction) -> None:
        (family,) = await tx.families.live_of_user(person.user_id)
        match gone:
            case "user":
                await tx.users.disable(person.user_id, tx.now)
            case "grant":
                await tx.grants.end(family.grant_id, tx.now)
            case "session":
                await tx.sessions.end(str(family.session_id), tx.now)
            case "client":
                await tx.clients.disable(family.client_id, tx.now)

    await place.authority.store.transact(work)
    answer = await refresh(place, tokens["refresh_token"], f"app-{gone}")
    assert answer.json()["error"] == ("invalid_client" if gone == "client" else "invalid_grant")


async def test_a_stranger_with_a_stolen_token_ends_nothing(place: Installation, person: Person):
    """S50: without the client's secret it is worth nothing, and nobody is signed out by it."""
    tokens = await person.tokens()
    assert (await refresh(place, tokens["refresh_token"], "spa")).status_code == 400
    async with place.browser() as thief:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answer = await thief.post("/token", data=form | {"client_id": "app"})
    assert answer.json()["error"] == "invalid_client"
    assert (await refresh(place, tokens["refresh_token"])).status_code == 200


async def test_everything_of_a_person_can_be_ended(
    place: Installation, person: Person, visitor: Person
):
    """S47: all tokens and sessions, here and there; afterwards they sign in anew."""
    here, there = await person.tokens(), await visitor.tokens(scope="notes:read offline_access")
    await place.authority.store.transact(
        lambda tx: revocation.end_everything_of(tx, person.user_id, "compromised", CLI)
    )
    for tokens in (here, there):
        assert not await is_active(place, tokens["access_token"])
        assert (await refresh(place, tokens["refresh_token"])).status_code == 400
    page = await person.open()
    assert 'name="password"' in page.text
