"""Discovery, key sets and health over HTTP."""

from pathlib import Path

import pytest

from counterfoil.server.records.failures import Overloaded, StoreUnavailable
from tests.flows.serving import until
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/jwks.json", "/notices/jwks.json"])
async def test_keys_may_be_cached_for_as_long_as_the_setting_says(place: Installation, path: str):
    """RFC 7517 §5; S82: shorter than keys are published ahead."""
    async with place.browser() as anyone:
        answer = await anyone.get(path)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.json()["keys"]


async def test_a_new_scope_is_described_at_once(place: Installation):
    await place.add_api("https://new.example", "New", {"new:scope": "New"})
    async with place.browser() as anyone:
        document = (await anyone.get("/.well-known/openid-configuration")).json()
    assert "new:scope" in document["scopes_supported"]


async def test_the_process_lives_and_is_ready(place: Installation):
    async with place.browser() as anyone:
        assert (await anyone.get("/health/live")).json() == {"status": "live"}
        assert (await anyone.get("/health/ready")).json() == {"status": "ready"}


async def test_without_its_store_it_lives_but_is_not_ready(tmp_path: Path):
    async with installed(tmp_path) as place, place.browser() as anyone:

        async def fail() -> None:
            raise StoreUnavailable

        place.authority.hub.catch_up = fail
        ready = await anyone.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "unavailable"})
        assert (await anyone.get("/health/live")).status_code == 200


async def test_one_whose_queue_is_full_is_ready_until_it_follows_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Who balances the load would send it to the others, which are as full."""
    async with installed(tmp_path) as place, place.browser() as anyone:
        hub = place.authority.hub

        async def fail() -> None:
            raise Overloaded

        monkeypatch.setattr(hub, "catch_up", fail)
        assert (await anyone.get("/health/ready")).status_code == 200
        monkeypatch.setattr(hub, "is_stuck", lambda: True)
        stuck = await anyone.get("/health/ready")
        assert (stuck.status_code, stuck.json()) == (503, {"status": "stuck"})


async def test_a_carrier_that_is_down_is_said_and_is_no_reason_to_go_elsewhere(tmp_path: Path):
    async with (
        installed(tmp_path, nats="nats://127.0.0.1:1") as place,
        place.browser() as anyone,
    ):
        assert place.server.publisher is not None
        await until(lambda: place.server.publisher.standing == "down")
        ready = await anyone.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "carrier": "down"})
