"""Flow (d): a guard in one process checks tokens of a server in another, with no I/O."""

import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil.guard import Enrich, Guard, Issuer, Options, Rejected, Token
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.changed_data import tell
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.registration import update_client
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.store import Transaction
from tests.flows.serving import fresh, refusal_of, served, until
from tests.installation import MAIL, NOTES, Installation, Person

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
        await place.add_client("courier", scopes=frozenset({"mail:read"}))
        yield place


@pytest.fixture(scope="module")
def guard(place: Installation) -> Iterator[Guard]:
    with Guard(issuer=place.issuer, audience=NOTES) as guard:
        yield guard


async def test_a_token_that_was_issued_elsewhere_is_checked_here(place: Installation, guard: Guard):
    """S92: any process verifies it; S63: scope and expiry stand in it."""
    await fresh(guard)
    token = guard.check(await place.service_token(scope="notes:read"))
    assert token.client_id == "service"
    assert token.scopes == {"notes:read"}
    assert token.issuer == place.issuer
    token.require("notes:read")
    with pytest.raises(Rejected) as refused:
        token.require("notes:write")
    assert refused.value.reason is Reason.INSUFFICIENT_SCOPE


async def test_a_check_opens_no_connection(
    place: Installation, guard: Guard, monkeypatch: pytest.MonkeyPatch
):
    """S95: stateless per request; the promise of the guard is a plain function without I/O."""
    await fresh(guard)
    token = await place.service_token()

    def refuse(*_: object) -> None:
        raise AssertionError("the guard opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert guard.check(token).client_id == "service"


async def test_a_token_for_another_api_is_refused(place: Installation, guard: Guard):
    """S75, S109: wrong_audience."""
    await fresh(guard)
    token = await place.service_token("courier", scope="mail:read")
    with pytest.raises(Rejected) as refused:
        guard.check(token)
    assert refused.value.reason is Reason.WRONG_AUDIENCE


async def test_one_token_works_at_several_servers_of_an_api(place: Installation, guard: Guard):
    """S115: the same token in several systems; S17: as often as it is shown."""
    await fresh(guard)
    token = await place.service_token()
    with Guard(issuer=place.issuer, audience=NOTES) as other:
        await fresh(other)
        for _ in range(3):
            assert guard.check(token).fingerprint == other.check(token).fingerprint


async def test_revoking_reaches_the_guard(place: Installation, guard: Guard):
    """S37: the client gives its token back; S40: published where services check; S45: one token."""
    await fresh(guard)
    token, sibling = await place.service_token(), await place.service_token()
    guard.check(token)
    await place.post("/revoke", "service", token=token)
    assert (await refusal_of(guard, token)).reason is Reason.REVOKED
    assert guard.check(sibling).client_id == "service"


async def test_reuse_of_a_refresh_token_reaches_the_guard(
    place: Installation, guard: Guard, person: Person
):
    """S19: flow (c) ends in flow (e): what the thief and the app got is refused alike."""
    await fresh(guard)
    tokens = [await person.tokens()]
    for _ in range(2):
        tokens.append(await refreshed(place, tokens[-1]))
    for each in tokens:
        assert guard.check(each["access_token"]).subject == person.user_id
    assert (await refreshed(place, tokens[0]))["error"] == "invalid_grant"
    for each in tokens:
        assert (await refusal_of(guard, each["access_token"])).reason is Reason.REVOKED


async def refreshed(place: Installation, tokens: dict[str, str]) -> dict[str, str]:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return dict((await place.post("/token", "app", **form)).json())


async def test_a_guarded_api_decides_on_each_part_by_the_token(place: Installation, guard: Guard):
    """S118: each area asks anew; S111: the token's context is there to decide and to log with."""
    await fresh(guard)
    seen: list[Token] = []

    async def notes(request: Request) -> JSONResponse:
        token: Token = request.state.token
        token.require("notes:write" if request.method == "POST" else "notes:read")
        seen.append(token)
        return JSONResponse({"fingerprint": token.fingerprint})

    api = Starlette(routes=[Route("/notes", notes, methods=["GET", "POST"])])
    async with client_of(GuardMiddleware(api, guard)) as client:
        token = await place.service_token(scope="notes:read")
        header = {"authorization": f"Bearer {token}"}
        assert (await client.get("/notes", headers=header)).status_code == 200
        refused = await client.post("/notes", headers=header)
        assert refused.status_code == 403
        assert refused.json()["error_reason"] == "insufficient_scope"
        assert 'scope="notes:write"' in refused.headers["www-authenticate"]
    assert [each.subject for each in seen] == ["service"]


async def test_a_guarded_api_refuses_with_the_reason(place: Installation, guard: Guard):
    """S109: in header and body; S94: not over plain http; S97: a preflight is answered."""
    await fresh(guard)

    async def preflighted(request: Request) -> JSONResponse:
        return JSONResponse({"method": request.method})

    api = Starlette(routes=[Route("/notes", preflighted, methods=["GET", "OPTIONS"])])
    token = await place.service_token()
    header = {"authorization": f"Bearer {token}"}
    preflight = {"origin": "https://spa.example", "access-control-request-method": "GET"}
    async with client_of(GuardMiddleware(api, guard)) as client:
        missing = await client.get("/notes")
        assert (missing.status_code, missing.json()["error_reason"]) == (401, "missing")
        assert (await client.options("/notes", headers=preflight)).status_code == 204
        assert (await client.get("/notes", headers=header)).status_code == 200
    async with client_of(GuardMiddleware(api, guard), "http://notes.example") as client:
        insecure = await client.get("/notes", headers=header)
        assert (insecure.status_code, insecure.json()["error_reason"]) == (
            400,
            "insecure_transport",
        )


def client_of(app: Any, base_url: str = "https://notes.example") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, client=("203.0.113.7", 4711))
    return httpx2.AsyncClient(transport=transport, base_url=base_url)


async def test_several_issuers_are_trusted_by_configuration(
    place: Installation, tmp_path_factory: pytest.TempPathFactory
):
    """S117: the API checks one way whoever issued, and trusts nobody that it does not name."""
    async with served(tmp_path_factory.mktemp("other")) as other:
        trusted = (Issuer(place.issuer), Issuer(other.issuer))
        with Guard(issuers=trusted, audience=NOTES) as both:
            await fresh(both)
            for each in (place, other):
                assert both.check(await each.service_token()).issuer == each.issuer
        with Guard(issuer=other.issuer, audience=NOTES) as one:
            await fresh(one)
            with pytest.raises(Rejected) as refused:
                one.check(await place.service_token())
            assert refused.value.reason is Reason.WRONG_ISSUER


async def test_a_shortened_lifetime_reaches_the_guard(place: Installation, guard: Guard):
    """S26: a token that is out goes by it at every guard; one issued afterwards by its own exp."""
    await place.add_client("kiosk")
    old = await place.service_token("kiosk")
    await fresh(guard)
    assert guard.check(old).client_id == "kiosk"
    await limit(place, "kiosk", 1)
    assert (await refusal_of(guard, old)).reason is Reason.EXPIRED
    await limit(place, "kiosk", None)
    assert guard.check(await place.service_token("kiosk")).client_id == "kiosk"
    assert (await refusal_of(guard, old)).reason is Reason.EXPIRED


async def limit(place: Installation, client_id: str, seconds: int | None) -> None:
    async def work(tx: Transaction) -> None:
        found = await tx.clients.find(client_id)
        assert found is not None
        wanted = replace(found, policy=ClientPolicy(access_token_lifetime=seconds))
        await update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


async def test_what_is_known_of_a_person_is_loaded_anew_when_they_have_changed(
    place: Installation, person: Person
):
    """S67: nothing ends by it, and what is known of others is kept."""
    loads: list[str] = []
    enrich = Enrich(load=lambda token: loads.append(token.subject), ttl=3600)
    with Guard(place.issuer, audience=NOTES, options=Options(enrich=enrich)) as guard:
        await fresh(guard)
        api = Starlette(routes=[Route("/notes", lambda _: JSONResponse({}))])
        people = [(await person.tokens())["access_token"], await place.service_token()]
        async with client_of(GuardMiddleware(api, guard)) as client:

            async def read(token: str) -> int:
                header = {"authorization": f"Bearer {token}"}
                return (await client.get("/notes", headers=header)).status_code

            assert [await read(token) for token in people * 2] == [200] * 4
            assert loads == [person.user_id, "service"]
            told = await place.authority.store.transact(lambda tx: tell(tx, person.user_id, CLI))
            await until(lambda: guard._states[place.issuer].notices.has_proved(told.position))
            assert [await read(token) for token in people * 2] == [200] * 4
        assert loads == [person.user_id, "service", person.user_id]
