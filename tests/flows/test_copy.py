"""A server on a copy answers as the one before it did, and that one answers nobody any more."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from counterfoil.guard import Guard
from counterfoil.guard.policy import Options
from counterfoil.oauth.reasons import Reason
from counterfoil.server import moving
from counterfoil.server.assembly import build
from counterfoil.server.opening import Outside
from counterfoil.server.protocol import endings
from counterfoil.server.protocol.endings import Ends, Target
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.settings import Settings, load
from tests.flows.serving import fresh, refusal_of, until
from tests.flows.test_restore import ANYTHING, add_desk, is_active, refreshed, userinfo
from tests.installation import NOTES, Installation, Person, installed
from tests.ports import free_port
from tests.postgres import Postgres
from tests.storage.samples import log_is_whole

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["a file", pytest.param("a database", marks=pytest.mark.postgres)])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place of either engine."""
    if request.param == "a file":
        return str(tmp_path / "elsewhere")
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.url(server.create())


async def copied(settings: Settings, where: str) -> Settings:
    """Copy an installation; gives the settings of one that is served there."""
    await moving.copy(settings, moving.place_named(where), lambda said: None)
    given: dict[str, Any] = {"data": str(settings.data), "database": None, "port": settings.port}
    if "://" in where:
        given["database"] = where
    else:
        given |= {"data": where, "master_key_file": str(settings.master_key_file)}
    return load({}, given)


@asynccontextmanager
async def served_on(settings: Settings, before: Installation) -> AsyncIterator[Installation]:
    """The same installation on another database; requests go to it without a socket."""
    app = build(settings, Outside(clock=before.clock))
    async with app.running() as server:
        place = Installation(app, server, before.clock)
        place.secrets, place.user = before.secrets, before.user
        yield place


@asynccontextmanager
async def listening(place: Installation) -> AsyncIterator[None]:
    """Let it be reached at its port."""
    with socket.create_server(("127.0.0.1", place.authority.settings.port)) as listener:
        running = uvicorn.Server(uvicorn.Config(place.app, log_level="critical", lifespan="off"))
        task = asyncio.create_task(running.serve([listener]))
        try:
            yield
        finally:
            place.app.end_streams()
            running.should_exit = True
            await task


async def test_everything_goes_on_and_nothing_goes_on_twice(tmp_path: Path, elsewhere: str) -> None:
    async with installed(tmp_path / "data", sign_in_rate_per_minute=1000) as place:
        await add_desk(place)
        async with place.browser() as browser:
            person = Person(place, browser)
            tokens = await person.tokens(scope=ANYTHING)
            service = await place.service_token()
            code, verifier = await person.code(), person.verifier
            cookies = httpx2.Cookies(browser.cookies)
        ended = (await refreshed(place, tokens["refresh_token"])).json()
        position = place.authority.hub.position
        settings = await copied(place.authority.settings, elsewhere)
        await nobody_is_answered(place, tokens, (code, verifier))
        async with served_on(settings, place) as copy:
            assert copy.authority.hub.position == position
            assert await is_active(copy, service)
            assert await is_active(copy, ended["access_token"])
            assert await userinfo(copy, ended["access_token"]) == 200
            again = await refreshed(copy, ended["refresh_token"])
            assert again.status_code == 200, again.text
            async with copy.browser(cookies=cookies) as browser:
                there = Person(copy, browser)
                assert await there.code(prompt="none")
                there.verifier = verifier
                assert (await there.exchange(code)).status_code == 200
                assert (await there.exchange(code)).status_code == 400
            assert await copy.authority.store.read(log_is_whole)
        await nobody_is_answered(place, tokens, (code, verifier))


async def nobody_is_answered(
    place: Installation, tokens: dict[str, Any], code: tuple[str, str]
) -> None:
    """The server that runs on what was left says 503 to whoever would read, spend or begin."""
    asked = [
        await place.post("/token", "service", grant_type="client_credentials"),
        await place.post("/introspect", "service", token=tokens["access_token"]),
        await refreshed(place, tokens["refresh_token"]),
        await place.post("/revoke", "app", token=tokens["refresh_token"]),
    ]
    async with place.browser() as browser:
        person = Person(place, browser)
        person.verifier = code[1]
        asked.append(await person.exchange(code[0]))
        asked.append(await person.open())
        asked.append(await browser.get("/notices/snapshot"))
    assert [answer.status_code for answer in asked] == [503] * len(asked)
    with pytest.raises(StoreUnavailable, match=r"it was copied to .* and lives there"):
        await place.authority.hub.catch_up()


async def test_a_guard_goes_stale_and_follows_the_copy_from_where_it_was(
    tmp_path: Path, elsewhere: str
) -> None:
    """Heads stop with the fence. The feed goes on in the same epoch: no snapshot, no gap."""
    port = free_port()
    given = {"port": port, "head_interval_ms": 50}
    async with installed(tmp_path / "data", **given) as place, listening(place):
        token = await place.service_token()
        guard = Guard(place.issuer, audience=NOTES, options=Options(clock=place.clock))
        guard.start()
        await fresh(guard)
        guard.check(token)
        (state,) = guard._states.values()
        settings = await copied(place.authority.settings, elsewhere)
        with pytest.raises(StoreUnavailable):
            await place.authority.hub.catch_up()
        heard = state.notices.fresh_at
        place.clock.turn(60)
        assert (await refusal_of(guard, token)).reason is Reason.STALE
        assert state.notices.fresh_at == heard
        position = state.notices.position
    async with served_on(settings, place) as copy, listening(copy):
        await until(lambda: state.notices.fresh_at > heard, 10)
        assert guard.check(token).client_id == "service"
        assert state.notices.position == position
        client, authority = Target(Ends.CLIENT, "service"), copy.authority
        await authority.store.transact(lambda tx: endings.carry_out(authority, tx, client, CLI))
        assert (await refusal_of(guard, token)).reason is Reason.REVOKED
        guard.stop()
