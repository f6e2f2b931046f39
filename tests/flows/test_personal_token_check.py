"""A personal token from its making to its end: a server in one process, an API in another (S11)."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil.guard import Credentials, Guard, Issuer
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.ending_targets import Ends, Target
from counterfoil.server.protocol.endings import carry_out
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.personal_tokens import Made
from tests.flows.serving import fresh, served
from tests.installation import NOTES, Installation
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


class Api:
    """A guarded API, and what the world asks of it."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        app = Starlette(routes=[Route("/notes", _notes)])
        self.app = GuardMiddleware(app, guard, proxies=["198.51.100.1"])

    async def answer(
        self, token: str, peer: str = "203.0.113.7", **headers: str
    ) -> tuple[int, str]:
        transport = httpx2.ASGITransport(self.app, client=(peer, 4711))
        sent = {"authorization": f"Bearer {token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with httpx2.AsyncClient(transport=transport, base_url=NOTES) as client:
            response = await client.get("/notes", headers=sent)
        return response.status_code, response.json().get("error_reason", "")

    @property
    def asked(self) -> int:
        (state,) = self.guard._states.values()
        return sum(count.value for count in state.counts.introspections.values())


async def _notes(request: Request) -> JSONResponse:
    token = request.state.token
    token.require("notes:read")
    return JSONResponse({"sub": token.subject})


@pytest.fixture
async def api(place: Installation) -> AsyncIterator[Api]:
    credentials = Credentials("guard", place.secrets["guard"])
    trusted = Issuer(place.issuer, credentials=credentials, personal=True)
    with Guard(issuers=[trusted], audience=NOTES) as guard:
        await fresh(guard)
        yield Api(guard)
        await guard.aclose()


async def refused(api: Api, made: Made) -> tuple[int, str]:
    """Ask until the token is refused."""
    while True:
        answer = await api.answer(made.secret.reveal())
        if answer[0] != 200:
            return answer


async def test_it_opens_an_api_that_takes_signed_tokens_too(place: Installation, api: Api):
    """S11: given away, and good where the API says so."""
    made = await make(place)
    assert await api.answer(made.secret.reveal()) == (200, "")
    assert await api.answer(await place.service_token()) == (200, "")
    narrow = await make(place, scopes=("notes:write",))
    assert await api.answer(narrow.secret.reveal()) == (403, "insufficient_scope")


@pytest.mark.parametrize("kind", [Ends.PERSONAL_TOKEN, Ends.API])
async def test_it_ends_at_once_without_another_question(place: Installation, api: Api, kind: Ends):
    """S11: The promise: one question, and then the notices end it, not the next question."""
    made = await make(place)
    assert await api.answer(made.secret.reveal()) == (200, "")
    asked = api.asked
    target = Target(kind, NOTES if kind is Ends.API else made.token.id)
    await place.authority.store.transact(lambda tx: carry_out(place.authority, tx, target, CLI))
    assert await refused(api, made) == (401, "revoked")
    assert api.asked == asked


async def test_one_that_was_ended_before_it_was_seen_is_refused(place: Installation, api: Api):
    made = await make(place)
    await place.authority.store.transact(
        lambda tx: revocation.end_everything_of(tx, made.token.user_id, "test", CLI)
    )
    assert await api.answer(made.secret.reveal()) == (401, "revoked")


async def test_an_address_counts_as_trusted_proxies_say(place: Installation, api: Api):
    """S11: limited in place."""
    made = await make(place, networks=("192.0.2.0/24",))
    token = made.secret.reveal()
    proxy = {"peer": "198.51.100.1", "x_forwarded_proto": "https"}
    assert await api.answer(token, "192.0.2.9") == (200, "")
    assert await api.answer(token, "203.0.113.7") == (401, "wrong_address")
    assert await api.answer(token, **proxy, x_forwarded_for="192.0.2.9") == (200, "")
    assert await api.answer(token, **proxy) == (401, "wrong_address")


async def test_its_last_use_is_known(place: Installation, api: Api):
    made = await make(place)
    assert await api.answer(made.secret.reveal(), "203.0.113.7") == (200, "")
    while True:
        token = await place.authority.store.read(
            lambda tx: tx.personal_tokens.find_by_id(made.token.id)
        )
        assert token is not None
        if token.last_used_at is not None:
            break
    assert token.last_used_from == "203.0.113.7"
    assert abs(token.last_used_at - place.clock()) < 60
