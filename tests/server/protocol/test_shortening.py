"""Shortening a lifetime reaches tokens already out (S26)."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.server.opening import Outside, open_authority
from counterfoil.server.protocol import registration, shortening
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.lifetimes import limits_of
from counterfoil.server.records.api import Api
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.family import SKEW, Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.refresh_limits import NotedLimits
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, installed, restarted

pytestmark = pytest.mark.anyio

BANK = "https://bank.example"
HOUR = 3600


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        yield place


async def set_client(place: Installation, seconds: int | None) -> None:
    async def work(tx: Transaction) -> None:
        found = await tx.clients.find("service")
        assert found is not None
        wanted = replace(found, policy=ClientPolicy(access_token_lifetime=seconds))
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


async def set_api(place: Installation, seconds: int | None, uri: str = NOTES) -> None:
    async def work(tx: Transaction) -> None:
        found = await tx.apis.find(uri)
        assert found is not None
        await registration.update_api(tx, replace(found, token_lifetime=seconds), CLI)

    await place.authority.store.transact(work)


async def start_with(place: Installation, seconds: int) -> None:
    settings = replace(place.authority.settings, access_token_lifetime=seconds)
    await place.authority.store.transact(lambda tx: shortening.note_default(tx, settings))


async def add_bank(place: Installation, seconds: int | None) -> None:
    async def work(tx: Transaction) -> None:
        bank = Api(uri=BANK, name="B", created_at=1, scopes={"a": "A"}, token_lifetime=seconds)
        await registration.add_api(tx, bank, CLI)

    await place.authority.store.transact(work)


async def limits(place: Installation) -> list[Notice]:
    """The notices that shorten, oldest first."""
    texts = await place.authority.store.read(lambda tx: tx.notices.live())
    return [notice for notice in map(notice_from, texts) if notice.max_age]


async def read(place: Installation, work: Any) -> Any:
    return await place.authority.store.read(work)


async def is_active(place: Installation, token: str) -> bool:
    return bool((await place.post("/introspect", "service", token=token)).json()["active"])


async def latest(place: Installation) -> Event:
    [event] = await shortenings(place)
    return event


async def shortenings(place: Installation) -> list[Event]:
    events = await read(place, lambda tx: tx.events.latest(9))
    return [each for each in events if each.kind is EventKind.LIFETIME_SHORTENED]


async def test_an_api_that_shortens_its_lifetime_limits_what_is_out(place: Installation):
    """The next generation is drawn, and lives until the last token of those before has expired."""
    now = int(place.clock())
    await set_api(place, 600)
    assert await limits(place) == [Notice(Ended.API, NOTES, now + HOUR + SKEW, 2, 600)]
    api = await read(place, lambda tx: tx.apis.find(NOTES))
    assert (api.generation, api.token_lifetime) == (2, 600)
    event = await latest(place)
    assert (event.actor, event.subject) == ("cli", NOTES)
    assert event.detail == {"of": "api", "from": "3600", "to": "600"}


async def test_a_client_that_shortens_its_lifetime_limits_what_is_out(place: Installation):
    now = int(place.clock())
    await set_client(place, 600)
    assert await limits(place) == [Notice(Ended.CLIENT, "service", now + HOUR + SKEW, 2, 600)]
    event = await latest(place)
    assert event.detail == {"of": "client", "from": "default", "to": "600"}
    await set_client(place, 60)
    assert [notice.generation for notice in await limits(place)] == [2, 3]


async def test_lengthening_and_other_changes_say_nothing(place: Installation):
    """Lengthening revives nothing, so that nobody needs to hear of it."""
    await set_client(place, 600)
    await set_api(place, 600)
    said = await limits(place)
    for seconds in (600, 601, None):
        await set_client(place, seconds)
        await set_api(place, seconds)
    await start_with(place, 3 * HOUR)
    assert await limits(place) == said


async def test_taking_back_a_longer_lifetime_of_its_own_shortens(place: Installation):
    """Where an API does not say, the default counts."""
    await set_api(place, 2 * HOUR)
    assert await limits(place) == []
    await set_api(place, None)
    [notice] = await limits(place)
    assert (notice.generation, notice.max_age) == (2, HOUR)
    assert notice.until == int(place.clock()) + 2 * HOUR + SKEW


async def test_a_shorter_default_limits_every_api_that_goes_by_it(place: Installation):
    """And userinfo; an API with a lifetime of its own is not meant."""
    await add_bank(place, 120)
    await start_with(place, 600)
    assert {(notice.name, notice.generation, notice.max_age) for notice in await limits(place)} == {
        (NOTES, 2, 600),
        (f"{place.issuer}/api", 2, 600),
        (place.issuer, 1, 600),
    }
    bank = await read(place, lambda tx: tx.apis.find(BANK))
    assert bank.generation == 1
    assert await read(place, lambda tx: tx.default_lifetimes.find()) == DefaultLifetime(600, 1)
    events = await read(place, lambda tx: tx.events.latest(2))
    assert {event.actor for event in events} == {"server"}


async def test_starting_again_with_the_same_default_says_nothing(place: Installation):
    await start_with(place, 600)
    said, version = await limits(place), await place.authority.store.version_now()
    await start_with(place, 600)
    assert await limits(place) == said
    assert await place.authority.store.version_now() == version


async def test_a_lengthened_default_is_remembered_so_that_the_next_shorter_one_is_seen(
    place: Installation,
):
    for seconds, generation in ((600, 1), (HOUR, 1), (600, 2), (300, 3)):
        await start_with(place, seconds)
        kept = await read(place, lambda tx: tx.default_lifetimes.find())
        assert kept == DefaultLifetime(seconds, generation)


async def test_a_restart_with_a_shorter_default_is_noticed(tmp_path: Path):
    """S26: a server remembers what it last started with; a command with other settings not."""
    async with installed(tmp_path) as before:
        token = await before.service_token()
        beside = replace(before.authority.settings, access_token_lifetime=60)
        authority = await open_authority(beside, Outside(clock=before.clock))
        await authority.store.close()
    async with restarted(before, access_token_lifetime=600) as after:
        after.clock.turn(599)
        assert await is_active(after, token)
        after.clock.turn(1)
        assert not await is_active(after, token)


async def test_a_client_with_a_new_lifetime_keeps_its_generation_in_what_is_minted(
    place: Installation,
):
    """What is minted afterwards goes by its own exp."""
    await set_client(place, 600)
    token = await place.service_token()
    await set_client(place, None)
    place.clock.turn(599)
    assert await is_active(place, token)
    fresh = await place.service_token()
    place.clock.turn(HOUR - 1)
    assert await is_active(place, fresh)
    assert not await is_active(place, token)


async def start_refreshing_with(place: Installation, **limits: int) -> NotedLimits:
    """Start a server with these settings; gives what is noted afterwards."""
    settings = replace(place.authority.settings, **limits)
    await place.authority.store.transact(lambda tx: shortening.note_limits(tx, settings))
    noted = await read(place, lambda tx: tx.limit_notes.find())
    assert isinstance(noted, NotedLimits)
    return noted


async def clip_some(place: Installation) -> int:
    return await place.authority.store.transact(shortening.clip_some)


async def clip_all(place: Installation) -> list[int]:
    """Gives the sizes of the pieces."""
    sizes = list[int]()
    while seen := await clip_some(place):
        sizes.append(seen)
    return sizes


async def test_a_server_notes_the_limits_of_refreshing_that_it_started_with(place: Installation):
    """And clips what an older release may have left behind: once, and without an event."""
    limits = limits_of(place.authority.settings)
    noted = await read(place, lambda tx: tx.limit_notes.find())
    assert (noted.in_force, noted.wanted) == (limits, limits)
    await clip_all(place)
    assert await start_refreshing_with(place) == NotedLimits(limits, limits, None)
    assert await shortenings(place) == []


async def test_starting_with_the_same_limits_writes_nothing(place: Installation):
    await clip_all(place)
    version = place.authority.store.version()
    await start_refreshing_with(place)
    assert await clip_some(place) == 0
    assert place.authority.store.version() == version


async def test_a_shorter_limit_of_refreshing_is_an_event_and_a_longer_one_is_not(
    place: Installation,
):
    await clip_all(place)
    await start_refreshing_with(place, offline_idle_lifetime=60, reproof_interval=600)
    event = await latest(place)
    assert (event.actor, event.subject) == ("server", place.issuer)
    assert event.detail == {
        "of": "refreshing",
        "offline_idle": f"{90 * 86_400} to 60",
        "reproof": "none to 600",
    }
    await clip_all(place)
    await start_refreshing_with(place)
    assert await latest(place) == event


def family_of(place: Installation, number: int) -> Family:
    """Every hundredth has ended."""
    now = int(place.clock())
    return Family(
        id=f"{number:05}",
        grant_id="g",
        client_id="app",
        user_id=place.user.id if place.user else "",
        session_id=None,
        access=Access(),
        auth_time=now,
        created_at=now,
        last_used_at=now,
        access_expires_at=now,
        origin=Origin(),
        refresh_expires_at=now + 10**6,
        ended_at=now if number % 100 == 7 else None,
    )


async def add_families(place: Installation, count: int) -> None:
    made = [family_of(place, number) for number in range(count)]

    async def work(tx: Transaction) -> None:
        grant = Grant(
            id="g",
            user_id=made[0].user_id,
            client_id="app",
            access=Access(),
            created_at=tx.now,
            updated_at=tx.now,
        )
        await tx.grants.allow(grant)
        for each in made:
            await tx.families.add(each)

    await place.authority.store.transact(work)


async def expiries(place: Installation) -> list[int]:
    found = await read(place, lambda tx: tx.families.page("", 10_000))
    return [each.refresh_expires_at - int(place.clock()) for each in found]


async def test_many_refresh_tokens_are_clipped_in_bounded_pieces(place: Installation):
    """The writer never stands still for long; what has ended is left as it was."""
    await clip_all(place)
    await add_families(place, 600)
    await start_refreshing_with(place, offline_idle_lifetime=60)
    assert await clip_some(place) == 250
    assert (await expiries(place)).count(60) == 250 - 3
    assert await clip_all(place) == [250, 100]
    assert (await expiries(place)).count(60) == 600 - 6


async def test_clipping_goes_on_where_it_stopped_whoever_starts(place: Installation):
    """S26: a crash between two pieces; a longer limit waits, a shorter one begins anew."""
    await clip_all(place)
    await add_families(place, 499)
    await start_refreshing_with(place, offline_idle_lifetime=60)
    await clip_some(place)
    noted = await start_refreshing_with(place)
    assert (noted.in_force.offline_idle, noted.clipped_to) == (60, "00249")
    noted = await start_refreshing_with(place, offline_idle_lifetime=30)
    assert (noted.in_force.offline_idle, noted.clipped_to) == (30, "")
    noted = await start_refreshing_with(place)
    assert await clip_all(place) == [250, 249]
    assert set(await expiries(place)) == {30, 10**6}
    done = await start_refreshing_with(place)
    assert done == NotedLimits(noted.wanted, noted.wanted, None)
