"""An API that takes reference tokens: a server in one process, a guarded app in another (S49)."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil.guard import Credentials, Guard, Issuer
from counterfoil.guard.asgi import GuardMiddleware
from tests.flows.serving import fresh, served
from tests.installation import NOTES, Installation, Person

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        await place.set_policy(NOTES, token_format="reference")
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


@pytest.fixture
async def api(place: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    credentials = Credentials("guard", place.secrets["guard"])
    trusted = Issuer(place.issuer, credentials=credentials, reference=True)

    async def notes(request: Request) -> JSONResponse:
        token = request.state.token
        token.require("notes:read")
        return JSONResponse({"sub": token.subject, "fingerprint": token.fingerprint})

    with Guard(issuers=[trusted], audience=NOTES) as guard:
        await fresh(guard)
        app = GuardMiddleware(Starlette(routes=[Route("/notes", notes)]), guard)
        transport = httpx2.ASGITransport(app, client=("203.0.113.7", 4711))
        async with httpx2.AsyncClient(transport=transport, base_url=NOTES) as client:
            yield client
        await guard.aclose()


async def answer(api: httpx2.AsyncClient, token: str) -> tuple[int, str]:
    response = await api.get("/notes", headers={"authorization": f"Bearer {token}"})
    return response.status_code, response.json().get("error_reason", "")


async def test_a_person_uses_an_app_with_an_opaque_token(
    place: Installation, person: Person, api: httpx2.AsyncClient
):
    """S64: looked up with its person, its scope and its end; S85: nothing in it to be forged."""
    token = (await person.tokens())["access_token"]
    assert "." not in token
    response = await api.get("/notes", headers={"authorization": f"Bearer {token}"})
    assert response.json()["sub"] == person.user_id
    wrong_scope = await place.service_token(scope="notes:write")
    assert await answer(api, wrong_scope) == (403, "insufficient_scope")


async def test_it_is_revocable_at_once(place: Installation, api: httpx2.AsyncClient):
    """S49: the notice comes before the remembered answer has run out."""
    token, sibling = await place.service_token(), await place.service_token()
    assert await answer(api, token) == (200, "")
    await place.post("/revoke", "service", token=token)
    refused: list[tuple[int, str]] = []

    async def ask() -> None:
        refused.append(await answer(api, token))

    await ask()
    while refused[-1][0] == 200:
        await ask()
    assert refused[-1] == (401, "revoked")
    assert await answer(api, sibling) == (200, "")


async def test_one_that_was_never_issued_is_refused(place: Installation, api: httpx2.AsyncClient):
    from counterfoil.oauth.opaque import Kind, spell

    for guess in (bytes(32), b"\xff" * 32):
        assert await answer(api, spell(Kind.ACCESS_TOKEN, guess).reveal()) == (401, "revoked")


async def test_a_token_that_was_too_long_is_looked_up_and_a_short_one_is_read(
    place: Installation, api: httpx2.AsyncClient
):
    """S66: an API that takes both, for the size budget decides token by token."""
    try:
        await place.set_policy(NOTES, over_budget="reference", token_bytes=100)
        long = await place.service_token()
        await place.set_policy(NOTES, over_budget="reference")
        short = await place.service_token()
    finally:
        await place.set_policy(NOTES, token_format="reference")
    assert ("." in long, "." in short) == (False, True)
    assert await answer(api, long) == (200, "")
    assert await answer(api, short) == (200, "")
