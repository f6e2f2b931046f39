"""Guards report to a real server: what is in use lives on, one token in two places is noticed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil.guard import Credentials, Guard, Issuer, Options
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.guard.fastapi import Guarded
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.client import REPORT
from counterfoil.server.records.store import Transaction
from tests.flows.serving import fresh, refusal_of, served, served_here
from tests.installation import NOTES, Installation, Person
from tests.reporting import AWAY, HOME, WORK, add_guard, told

pytestmark = pytest.mark.anyio
IDLE, LIFETIME, STEP = 1200, 7200, 900
SESSIONS = {
    "session_idle_lifetime": IDLE,
    "session_lifetime": LIFETIME,
    "access_token_lifetime": LIFETIME,
}
Use = Callable[[str, str], Awaitable[int]]


def guard_of(place: Installation, *, reports: bool = True) -> Guard:
    credentials = Credentials("guard", place.secrets["guard"])
    issuer = Issuer(place.issuer, credentials=credentials, reports=reports)
    return Guard(issuers=[issuer], audience=NOTES, options=Options(clock=place.clock))


def middleware(guard: Guard) -> Any:
    async def notes(request: Request) -> JSONResponse:
        return JSONResponse({"subject": request.state.token.subject})

    app = Starlette(routes=[Route("/notes", notes)])
    return GuardMiddleware(app, guard, proxies=("10.0.0.0/8",))


def fastapi(guard: Guard) -> Any:
    app = FastAPI(openapi_url=None)
    guarded = Guarded(app, guard, proxies=("10.0.0.0/8",))

    @app.get("/notes", dependencies=[guarded("notes:read")])
    async def notes() -> dict[str, str]:
        return {}

    return app


@asynccontextmanager
async def api(
    place: Installation, adapter: Callable[[Guard], Any] = middleware, *, reports: bool = True
) -> AsyncIterator[Use]:
    """An API behind a real guard, to be used from anywhere; it tells the rest when it is left."""
    guard = guard_of(place, reports=reports)
    app = adapter(guard)

    async def use(token: str, where: str) -> int:
        # A proxy of the API's own adds whom it was called by; what a client writes stands before.
        transport = httpx2.ASGITransport(app, client=("10.0.0.1", 1))
        headers = {"authorization": f"Bearer {token}", "x-forwarded-for": f"1.1.1.1, {where}"}
        async with httpx2.AsyncClient(transport=transport, base_url="https://notes.example") as one:
            return (await one.get("/notes", headers=headers)).status_code

    with guard:
        await fresh(guard)
        yield use
        await anyio.to_thread.run_sync(guard.stop)
    await guard.aclose()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with served_here(tmp_path, **SESSIONS) as place:
        await add_guard(place)
        yield place


async def refresh(place: Installation, tokens: dict[str, Any]) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await place.post("/token", "app", **form)


async def use_for(place: Installation, token: str, seconds: int, *, reports: bool) -> None:
    """Use an API now and then, and nothing else."""
    for _ in range(seconds // STEP):
        place.clock.turn(STEP)
        async with api(place, reports=reports) as use:
            assert await use(token, HOME) == 200


@pytest.mark.parametrize("reports", [True, False])
async def test_use_at_an_api_keeps_the_session(place: Installation, *, reports: bool):
    """S25: where its guard reports; without reports it ends, however busy the app is."""
    async with place.browser() as browser:
        tokens = await Person(place, browser).tokens()
    await use_for(place, tokens["access_token"], 4 * STEP, reports=reports)
    answer = await refresh(place, tokens)
    assert answer.status_code == (200 if reports else 400)
    if not reports:
        assert "session" in answer.json()["error_description"]


async def test_it_ends_at_its_age_however_much_it_is_used(place: Installation):
    """S25: reports put off the idle limit alone."""
    async with place.browser() as browser:
        tokens = await Person(place, browser).tokens()
    await use_for(place, tokens["access_token"], LIFETIME - STEP, reports=True)
    assert (await refresh(place, tokens)).status_code == 200
    place.clock.turn(STEP)
    answer = await refresh(place, tokens)
    assert answer.status_code == 400


async def end_in_two_places(place: Installation) -> None:
    async def work(tx: Transaction) -> None:
        client = await tx.clients.find("app")
        assert client is not None
        policy = replace(client.policy, in_two_places="end")
        wanted = replace(client, policy=policy)
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


@pytest.mark.parametrize("adapter", [middleware, fastapi])
async def test_two_guards_see_one_token_in_two_places(
    place: Installation, adapter: Callable[[Guard], Any]
):
    """S106: a bearer token; each guard sees one place, the server both, and all guards refuse."""
    await end_in_two_places(place)
    async with place.browser() as browser:
        token = (await Person(place, browser).tokens())["access_token"]
    third = guard_of(place, reports=False)
    with third:
        await fresh(third)
        place.clock.turn(60)
        async with api(place, adapter) as at_one, api(place, adapter) as at_two:
            assert await at_one(token, HOME) == 200
            place.clock.turn(12)
            assert await at_two(token, WORK) == 200
            assert await told(place) == []
            place.clock.turn(12)
            assert await at_one(token, HOME) == 200
        refused = await refusal_of(third, token)
        assert refused.reason is Reason.REVOKED
        [event] = await told(place)
        assert set(event.detail["places"].split()) == {HOME, WORK}
        await third.aclose()


async def test_who_moves_stays_in_use(place: Installation):
    """S106: a phone that leaves the Wi-Fi and later leaves the city."""
    await end_in_two_places(place)
    async with place.browser() as browser:
        tokens = await Person(place, browser).tokens()
    for where in (HOME, HOME, WORK, "198.51.100.200", AWAY, AWAY):
        async with api(place) as use:
            assert await use(tokens["access_token"], where) == 200
            place.clock.turn(20)
            assert await use(tokens["access_token"], where) == 200
    assert await told(place) == []
    assert (await refresh(place, tokens)).status_code == 200


async def test_reference_tokens_are_reported_too(place: Installation):
    """S106: by their fingerprint, which their guard is told when it asks about them."""
    await place.set_policy(NOTES, token_format="reference")
    await add_guard(place, "asker", scopes=frozenset({"introspect", REPORT}))
    credentials = Credentials("asker", place.secrets["asker"])
    issuer = Issuer(place.issuer, credentials=credentials, reference=True, reports=True)
    options = Options(clock=place.clock)
    token = await place.service_token()
    with Guard(issuers=[issuer], audience=NOTES, options=options) as guard:
        await fresh(guard)
        found = await guard.decide(token)
        guard.saw(found, HOME)
        await guard.aclose()
    jti = found.fingerprint
    [stay] = await place.authority.store.read(lambda tx: tx.sightings.of_token(jti))
    assert (stay.place, stay.count) == (HOME, 1)


async def test_a_server_in_another_process_hears_of_it(tmp_path: Path):
    """S106: with real clocks and ``counterfoil serve``: the report is taken as it was sent."""
    async with served(tmp_path) as place:
        await add_guard(place)
        token = await place.service_token()
        async with api(place) as use:
            assert await use(token, HOME) == 200
            assert await use(token, "192.0.2.8") == 200
        jti = unverified_claims(token)["jti"]
        [stay] = await place.authority.store.read(lambda tx: tx.sightings.of_token(jti))
        assert (stay.place in {HOME, "192.0.2.8"}, stay.count) == (True, 2)
        assert abs(stay.last - place.clock()) < 60
