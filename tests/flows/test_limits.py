"""Limits of an API, from its policy to the endpoint that is about to act (RFC 9396)."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import flask
import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from counterfoil.guard import Act, Credentials, Guard, Issuer, Rejected, Token
from counterfoil.guard import flask as flask_guard
from counterfoil.guard import starlette as starlette_guard
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.limits import Limit, Limits
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.policies import with_changes
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy
from tests.administration import administrator
from tests.allowing import add_guard, left
from tests.flows.serving import fresh, served
from tests.installation import MAIL, NOTES, Installation, Person
from tests.minting import ONE, add_minter, give_right, mint, whom

pytestmark = pytest.mark.anyio
LIMIT: dict[str, Any] = {
    "type": "counterfoil_limit",
    "action": "transfer",
    "unit": "EUR",
    "per_transaction": 2500,
}
LIMITS = '[{"type":"counterfoil_limit","action":"transfer","unit":"EUR","per_transaction":2500}]'


async def limited(place: Installation, **policy: Any) -> None:
    admin = await administrator(place)
    url = f"/api/apis/named?uri={NOTES}"
    answer = await admin.ask("PATCH", url, json={"policy": {"limits": [LIMIT], **policy}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["policy"]["limits"] == [LIMIT]


async def test_every_token_for_the_api_carries_its_limits_and_the_endpoint_asks(tmp_path: Path):
    """S15, RFC 9396 §7, §9: of a service, minted for a person, as a reference token."""
    async with served(tmp_path) as place:
        assert place.user is not None
        await add_minter(place)
        await give_right(place, place.user.id)
        secret = await place.add_client("guard", scopes=frozenset({"introspect"}))
        free = await place.service_token()
        await limited(place)
        made = (await mint(place, ONE | {"subject": whom(place.user.id)})).json()
        assert made["authorization_details"] == [LIMIT]
        issuer = Issuer(place.issuer, reference=True, credentials=Credentials("guard", secret))
        with Guard(issuers=[issuer], audience=NOTES) as guard:
            await fresh(guard)
            (await guard.decide(free)).within("transfer", 10**9, "EUR", now=guard.now)
            await asks(guard, made["access_token"])
            await asks(guard, await place.service_token())
            await limited(place, token_format="reference")
            opaque = await place.service_token()
            told = (await place.post("/introspect", "guard", token=opaque)).json()
            assert told["authorization_details"] == [LIMIT]
            await asks(guard, opaque)
            await guard.aclose()


async def asks(guard: Guard, unverified: str) -> None:
    """Do what an endpoint does that is about to act."""
    token = await guard.decide(unverified)
    token.within("transfer", 2500, "EUR", now=guard.now)
    for act in (("transfer", 2501, "EUR"), ("transfer", -1, "EUR"), ("close",)):
        with pytest.raises(Rejected) as refused:
            token.within(*act, now=guard.now)
        assert refused.value.reason is Reason.BEYOND_LIMIT
        assert refused.value.fingerprint == token.fingerprint


async def tries(guard: Guard, token: Token, count: int) -> list[Reason | None]:
    """Try so many transactions at once, and say what came of each."""

    async def one() -> Reason | None:
        try:
            await guard.uses.act(token, Act("transfer", 100, "EUR"))
        except Rejected as rejected:
            return rejected.reason
        return None

    return await asyncio.gather(*(one() for _ in range(count)))


def guard_of(place: Installation) -> Guard:
    credentials = Credentials("guard", place.secrets["guard"])
    return Guard(issuers=[Issuer(place.issuer, credentials=credentials)], audience=NOTES)


async def test_never_more_than_the_limit_however_many_guards_and_servers(
    on_engine: str, tmp_path: Path
):
    """S15: two guards, two processes of the server, and forty tries for a dozen transactions."""
    async with served(tmp_path, workers="2") as place:
        await add_guard(place)
        await place.set_policy(NOTES, limits=(Limit(**LIMIT, count=40, sum=1200),))
        token = await place.service_token()
        with guard_of(place) as one, guard_of(place) as other:
            came = list[Reason | None]()
            for guard in (one, other):
                await fresh(guard)
            checked = [await guard.decide(token) for guard in (one, other)]
            for every in await asyncio.gather(
                tries(one, checked[0], 20), tries(other, checked[1], 20)
            ):
                came += every
            assert Counter(came) == {None: 12, Reason.BEYOND_LIMIT: 28}
            await one.aclose()
            await other.aclose()


async def test_endpoints_spend_what_they_are_about_to_do(on_engine: str, tmp_path: Path):
    """S15: in a framework with an event loop and in one without; a key is counted once."""
    async with served(tmp_path) as place:
        await add_guard(place)
        await place.set_policy(NOTES, limits=(Limit(**LIMIT, count=2),))
        token = await place.service_token()
        starlette, flask = guarded_starlette(guard_of(place)), guarded_flask(guard_of(place))
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(starlette), base_url="https://notes.example"
        ) as api:
            for _ in range(2):
                answer = await api.post("/pay?amount=2500&key=one", headers=headers)
                assert answer.text == "paid", answer.text
            assert (await api.post("/checks?amount=1", headers=headers)).status_code == 503
            other = await api.post("/pay?amount=2499&key=one", headers=headers)
            assert (other.status_code, other.json()["error_reason"]) == (403, "beyond_limit")

        def pay(key: str) -> int:
            url = f"/pay?amount=2500&key={key}"
            return int(flask.test_client().post(url, headers=headers, base_url=BASE).status_code)

        assert [await asyncio.to_thread(pay, key) for key in ("one", "two", "three", "two")] == [
            200,
            200,
            403,
            200,
        ]


BASE = "https://notes.example"


def act_of(arguments: Any) -> Act:
    return Act("transfer", int(arguments["amount"]), "EUR")


def guarded_starlette(guard: Guard) -> Starlette:
    guarded = starlette_guard.Guarded(None, guard)

    @guarded("notes:read")
    async def pay(request: Request) -> PlainTextResponse:
        asked = request.query_params
        await guarded.spend(request.state.token, act_of(asked), asked["key"])
        return PlainTextResponse("paid")

    @guarded("notes:read")
    async def checks(request: Request) -> PlainTextResponse:
        amount = int(request.query_params["amount"])
        request.state.token.within("transfer", amount, "EUR", now=guard.now())
        return PlainTextResponse("paid, uncounted")

    routes = [Route("/pay", pay, methods=["POST"]), Route("/checks", checks, methods=["POST"])]
    app = Starlette(routes=routes)
    guarded.init_app(app)
    return app


def guarded_flask(guard: Guard) -> flask.Flask:
    app = flask.Flask("notes", static_folder=None)
    guarded = flask_guard.Guarded(app, guard)

    @app.post("/pay")
    @guarded("notes:read")
    def pay() -> str:
        asked = flask.request.args
        guarded.spend_blocking(flask.g.token, act_of(asked), asked["key"])
        return "paid"

    return app


async def test_limits_of_a_client_hold_beside_those_of_an_api(place: Installation):
    """S15: the narrower of each member; an action that one of them does not name, none may do."""
    await place.add_api(MAIL, "Mail", {"mail:read": "Read"})
    of_client = (LIMIT | {"per_transaction": 9999, "count": 2}, LIMIT | {"action": "close"})
    limits = msgspec.convert(of_client, Limits)
    scopes = frozenset({"notes:read", "mail:read"})
    await place.add_client("bank", scopes=scopes, policy=ClientPolicy(limits=limits))
    free = await place.post("/token", "bank", grant_type="client_credentials", resource=MAIL)
    assert free.json()["authorization_details"] == list(of_client)
    await place.set_policy(NOTES, limits=(Limit(**LIMIT),))
    answer = await place.post("/token", "bank", grant_type="client_credentials", resource=NOTES)
    assert answer.json()["authorization_details"] == [LIMIT | {"count": 2}]
    claims = unverified_claims(answer.json()["access_token"])
    assert claims["authorization_details"] == [LIMIT | {"count": 2}]
    assert await left(place, str(claims["jti"]), "count:transfer/EUR") == 2
    await place.set_policy(NOTES, limits=(Limit(**LIMIT | {"action": "open"}),))
    answer = await place.post("/token", "bank", grant_type="client_credentials", resource=NOTES)
    assert answer.json()["authorization_details"] == []
    assert unverified_claims(answer.json()["access_token"])["authorization_details"] == []


async def test_a_refresh_carries_them_too(place: Installation, person: Person):
    tokens = await person.tokens(scope="openid notes:read offline_access")
    await limited(place)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = await place.post("/token", "app", **form, resource=NOTES)
    assert answer.json()["authorization_details"] == [LIMIT]
    wider = '[{"type":"counterfoil_limit","action":"transfer","unit":"EUR"}]'
    asked = {"grant_type": "client_credentials", "authorization_details": wider}
    answer = await place.post("/token", "service", **asked)
    assert answer.status_code != 200 or answer.json()["authorization_details"] == [LIMIT]


@pytest.mark.parametrize(
    "limits",
    [
        "no json",
        "{}",
        LIMITS.replace("2500", '"2500"'),
        LIMITS.replace("2500", "25.0"),
        LIMITS.replace("2500", "-1"),
        LIMITS.replace("per_transaction", "per_day"),
        LIMITS.replace("counterfoil_limit", "other"),
        LIMITS.replace("2500", '1,"per_transaction":2500'),
        LIMITS.replace("2500", '1,"count":0'),
        LIMITS.replace("2500", '1,"sum":1e3'),
    ],
)
def test_limits_that_cannot_be_kept_are_not_set(limits: str):
    """A field that is not known may narrow; an amount in two spellings has two meanings."""
    assert with_changes(ApiPolicy(), {"limits": LIMITS}).limits[0].per_transaction == 2500
    with pytest.raises(OAuthError):
        with_changes(ApiPolicy(), {"limits": limits})
