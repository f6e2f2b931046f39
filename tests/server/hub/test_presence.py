"""Which processes serve, and that one which may serve no more finds it and answers so."""

import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from counterfoil.server.hub import presence
from counterfoil.server.hub.presence import Presence, Superseded, announce, await_end
from counterfoil.server.opening import open_authority
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.server_process import LIVES, Demand, ServerProcess
from counterfoil.server.records.store import Store
from counterfoil.server.storage import migration
from tests.flows.serving import until
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio

KNOWS = migration.newest(migration.shipped())
DEMAND = Demand(KNOWS + 2, KNOWS + 1, "99.1")
OLD = ServerProcess("old", "0.0", KNOWS - 1, "elsewhere process 7")


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        yield place


async def running(store: Store) -> list[ServerProcess]:
    return await store.read(lambda tx: tx.servers.every())


async def test_a_server_is_noted_while_it_runs_and_no_longer(tmp_path: Path):
    async with installed(tmp_path) as place:
        (noted,) = await running(place.authority.store)
        assert noted.knows == KNOWS
        assert noted.version
        assert " process " in noted.place
        settings = place.authority.settings
    authority = await open_authority(settings)
    assert await running(authority.store) == [], "a command is no server"
    await authority.store.close()


async def test_it_goes_on_saying_so(place: Installation, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(presence, "STAY_SECONDS", 0)
    place.clock.turn(2 * LIVES)
    assert await running(place.authority.store) == []
    with anyio.fail_after(10):
        while not await running(place.authority.store):
            await anyio.lowlevel.checkpoint()


async def test_where_a_newer_version_is_demanded_nothing_is_answered_any_more(place: Installation):
    """Each statement may fail from now on; a proxy goes to another server."""
    token = await place.service_token()
    await place.authority.store.transact(lambda tx: tx.servers.announce(DEMAND))
    await until(lambda: bool(place.app.superseded))
    assert "needs Counterfoil 99.1 or newer" in place.app.superseded
    for path, form in (
        ("/token", {"grant_type": "client_credentials"}),
        ("/revoke", {"token": token}),
    ):
        answer = await place.post(path, "service", **form)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    async with place.browser() as browser:
        for path in ("/health/ready", "/health/live", "/sign-in"):
            assert (await browser.get(path)).status_code == 503


async def test_a_demand_that_is_met_disturbs_nobody(place: Installation):
    met = Demand(KNOWS + 1, KNOWS, "0.1")
    await place.authority.store.transact(lambda tx: tx.servers.announce(met))
    here = Presence(place.authority.store, ServerProcess("x", "0.1", KNOWS, "here"))
    await here.begin()
    assert here.superseded == ""
    assert place.app.superseded == ""
    await here.end()


async def test_a_server_that_begins_too_late_is_refused_and_leaves_no_trace(place: Installation):
    store = place.authority.store
    await store.transact(lambda tx: tx.servers.announce(DEMAND))
    with pytest.raises(Superseded, match=r"99\.1"):
        await Presence(store, OLD).begin()
    assert OLD.id not in {each.id for each in await running(store)}


async def test_whoever_would_be_ended_is_named_and_nothing_is_announced(place: Installation):
    store = place.authority.store
    await store.transact(lambda tx: tx.servers.stay(OLD))
    before = await store.read(lambda tx: tx.servers.demanded())
    met = Demand(KNOWS + 1, KNOWS, "0.1")
    work = partial(announce, [met], end_older=False)
    assert [each.id for each in await store.transact(work)] == ["old"]
    assert await store.read(lambda tx: tx.servers.demanded()) == before
    work = partial(announce, [met], end_older=True)
    assert [each.id for each in await store.transact(work)] == ["old"]
    assert await store.read(lambda tx: tx.servers.demanded()) == met


async def test_whoever_waits_for_their_end_is_told_who_does_not(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    store = place.authority.store
    assert await await_end(store, KNOWS) == []
    await store.transact(lambda tx: tx.servers.stay(OLD))
    monkeypatch.setattr(presence, "LIVES", 0)
    monkeypatch.setattr(presence, "STAY_SECONDS", 0.05)
    assert [each.id for each in await await_end(store, KNOWS)] == ["old"]
    place.clock.turn(LIVES)
    assert await await_end(store, KNOWS) == []


async def test_a_store_that_is_away_ends_no_server(
    place: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    store, asked = place.authority.store, []

    async def fail(_: object, __: object, **___: object) -> None:
        asked.append(1)
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(type(store), "read", fail)
        await until(lambda: len(asked) > 3)
    assert place.app.superseded == ""
    assert "whether this version" not in caplog.text
    await place.service_token()
