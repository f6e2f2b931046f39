"""Taking reports: who may, what is believed, and which sessions stay alive by them (S25)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.protocol import events, revocation
from counterfoil.server.records.session import Session
from tests.installation import MAIL, NOTES, Installation, Person, installed
from tests.reporting import HOME, add_guard, report, sighting, taken

pytestmark = pytest.mark.anyio
IDLE, LIFETIME = 1200, 7200


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    lifetimes = {
        "session_idle_lifetime": IDLE,
        "session_lifetime": LIFETIME,
        "access_token_lifetime": LIFETIME,
    }
    async with installed(tmp_path, **lifetimes) as place:
        await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
        await add_guard(place)
        yield place


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    async with place.browser() as browser:
        yield Person(place, browser)


async def session_of(place: Installation, person: Person) -> Session:
    [session] = await place.authority.store.read(lambda tx: tx.sessions.of_user(person.user_id))
    return session


async def is_live(place: Installation, person: Person) -> bool:
    return (await session_of(place, person)).is_live(int(place.clock()), IDLE)


async def token_of(person: Person, **asked: str) -> str:
    return str((await person.tokens(**asked))["access_token"])


async def test_use_at_an_api_is_use_of_the_session(place: Installation, person: Person):
    """S25: it goes on while an API is used, and ends at its absolute age all the same."""
    token = await token_of(person)
    for _ in range(LIFETIME // 1000):
        place.clock.turn(1000)
        assert await is_live(place, person)
        assert await taken(place, sighting(place, token)) == 1
    assert (await session_of(place, person)).last_used_at == int(place.clock())
    place.clock.turn(LIFETIME % 1000 - 1)
    assert await is_live(place, person)
    place.clock.turn(1)
    assert not await is_live(place, person)


async def test_without_reports_it_ends(place: Installation, person: Person):
    await token_of(person)
    place.clock.turn(1000)
    assert await is_live(place, person)
    place.clock.turn(IDLE - 1000)
    assert not await is_live(place, person)


async def test_a_session_that_was_idle_for_too_long_is_not_revived(
    place: Installation, person: Person
):
    """S25: nor by word of a use that lies before its end."""
    token = await token_of(person)
    place.clock.turn(IDLE)
    before = await session_of(place, person)
    await taken(place, sighting(place, token), sighting(place, token, at=-60))
    assert await session_of(place, person) == before
    assert not await is_live(place, person)


async def test_what_was_ended_is_not_touched(place: Installation, person: Person):
    """S25: neither by a family that has ended, nor a session that has."""
    token = await token_of(person)
    other = await token_of(person)
    before = await session_of(place, person)
    family = unverified_claims(token)["fam"]
    store = place.authority.store
    await store.transact(lambda tx: revocation.end_family(tx, family, "revoked", events.CLI))
    place.clock.turn(60)
    assert await taken(place, sighting(place, token)) == 0
    assert await session_of(place, person) == before
    await store.transact(lambda tx: revocation.end_session(tx, before.id, events.CLI))
    assert await taken(place, sighting(place, other)) == 0
    ended = await store.read(lambda tx: tx.sessions.find(before.id))
    assert ended is not None
    assert ended.last_used_at == before.last_used_at


async def test_time_never_runs_backwards(place: Installation, person: Person):
    token = await token_of(person)
    place.clock.turn(600)
    await taken(place, sighting(place, token))
    used_at = (await session_of(place, person)).last_used_at
    await taken(place, sighting(place, token, at=-300))
    assert (await session_of(place, person)).last_used_at == used_at


async def test_offline_access_touches_no_session(place: Installation, person: Person):
    """S08: what goes on while the person is away does not keep them signed in."""
    token = await token_of(person, scope="openid notes:read offline_access")
    before = await session_of(place, person)
    place.clock.turn(60)
    assert await taken(place, sighting(place, token)) == 1
    assert await session_of(place, person) == before


async def test_a_place_that_is_not_known_counts_as_use(place: Installation, person: Person):
    """S25: an app behind a Unix socket, say."""
    token = await token_of(person)
    place.clock.turn(60)
    assert await taken(place, sighting(place, token, "")) == 1
    assert (await session_of(place, person)).last_used_at == int(place.clock())
    jti = unverified_claims(token)["jti"]
    assert await place.authority.store.read(lambda tx: tx.sightings.of_token(jti)) == []


async def test_a_guards_clock_may_be_wrong(place: Installation, person: Person):
    """Its times are moved by as much as the clocks are apart."""
    token = await token_of(person)
    place.clock.turn(60)
    ahead = int(place.clock()) + 100
    seen = sighting(place, token, first=ahead - 30, last=ahead - 30)
    await taken(place, seen, sent_at=ahead)
    assert (await session_of(place, person)).last_used_at == int(place.clock()) - 30


@pytest.mark.parametrize("apart", [-121, 121, -(10**9)])
async def test_a_report_of_another_time_is_not_taken(place: Installation, apart: int):
    """Neither one that was kept and is sent again, nor one from the future."""
    answer = await report(place, sent_at=int(place.clock()) + apart)
    assert answer.status_code == 400
    assert f"sent_at is {abs(apart)} seconds away" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "change",
    [
        {"jti": "nonsense"},
        {"jti": "x" * 22 + "." + "y" * 16},
        {"client_id": "spa"},
        {"client_id": "nobody"},
        {"expires_at": 1},
    ],
)
async def test_what_cannot_be_true_is_left_out(
    place: Installation, person: Person, change: dict[str, Any]
):
    token = await token_of(person)
    place.clock.turn(60)
    before = await session_of(place, person)
    good, bad = sighting(place, token), sighting(place, token, **change)
    assert await taken(place, bad) == 0
    assert await session_of(place, person) == before
    assert await taken(place, bad, good) == 1


async def test_a_family_is_in_use_where_it_has_access(place: Installation, person: Person):
    """A guard of one API says nothing of tokens for others."""
    token = await token_of(person)
    assert await taken(place, sighting(place, token), audience=MAIL) == 0
    assert await taken(place, sighting(place, token), audience=NOTES) == 1


async def test_a_service_acts_for_itself(place: Installation):
    token = await place.service_token()
    assert await taken(place, sighting(place, token)) == 1
    assert await taken(place, sighting(place, token, client_id="app")) == 0
    assert await taken(place, sighting(place, token), audience=MAIL) == 0


async def test_nothing_is_seen_before_it_was_made_or_after_its_end(
    place: Installation, person: Person
):
    token = await token_of(person)
    claims = unverified_claims(token)
    made = int(place.clock())
    place.clock.turn(30)
    await taken(place, sighting(place, token, first=made - 100))
    [stay] = await place.authority.store.read(lambda tx: tx.sightings.of_token(claims["jti"]))
    assert (stay.first, stay.last) == (made, made + 30)
    other = sighting(place, await token_of(person), expires_at=made + 10)
    assert await taken(place, other | {"place": HOME}) == 0, "it expired before it was made"


async def test_what_the_guard_could_not_keep_is_logged(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    await taken(place, dropped=17)
    assert "could not keep 17 sightings" in caplog.text


async def test_the_use_of_the_secret_is_noted(place: Installation):
    await taken(place)
    authority = place.authority
    await authority.activity.flush(authority.store)
    [secret] = await authority.store.read(lambda tx: tx.clients.secrets_of("guard"))
    assert secret.last_used_at == int(place.clock())
