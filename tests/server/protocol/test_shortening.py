"""Shortening a lifetime reaches tokens already out (S26)."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.server.opening import Outside, open_authority
from counterfoil.server.protocol import registration, shortening
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.api import Api
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.policy import ClientPolicy
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
    [event] = [
        each
        for each in await read(place, lambda tx: tx.events.latest(9))
        if each.kind is EventKind.LIFETIME_SHORTENED
    ]
    return event


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
    said, version = await limits(place), place.authority.store.version()
    await start_with(place, 600)
    assert await limits(place) == said
    assert place.authority.store.version() == version


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
