"""A token that works so many times, in the hands of whoever wants to use it more often."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from msgspec.structs import replace

from counterfoil.guard import MaxAge, Rejected, Tickets, asgi, wsgi
from counterfoil.guard.admission import admit_once, admit_once_blocking
from counterfoil.guard.gate import Gate
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import unverified_claims
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.allowances import MOST_AMOUNT
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.url_binding import TYPE as URL_BOUND
from counterfoil.oauth.use_limit import TYPE
from counterfoil.server.protocol.policies import demand_api_policy
from counterfoil.server.records.client import SPEND
from counterfoil.server.records.policy import ApiPolicy
from tests.allowing import add_guard, granted, left, new_key, spend, take
from tests.guard.desk import Desk, request
from tests.installation import MAIL, NOTES, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def counted(site: Installation) -> Installation:
    await site.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_guard(site)
    await add_guard(site, "thief", scopes=frozenset({SPEND}))
    await add_guard(site, "mail-guard", scopes=frozenset({SPEND, "mail:read"}))
    return site


@pytest.fixture
async def jti(counted: Installation) -> str:
    return str(unverified_claims(await counted.service_token(max_uses=5))["jti"])


async def test_a_take_is_not_replayed_under_the_name_of_another_guard(
    counted: Installation, jti: str
):
    """S54: whoever has seen a key learns nothing by it, gets nothing, and gives nothing back."""
    asked = take(jti, 2)
    assert await granted(counted, asked) == [2]
    assert await granted(counted, asked, client_id="thief") == ["key_reused"]
    answer = await spend(counted, returns=[asked], client_id="thief")
    assert answer.json()["returns"] == [0]
    assert await left(counted, jti) == 3


async def test_a_key_cannot_be_used_for_more(counted: Installation, jti: str):
    """Nor for less; and within one request it is one key, too."""
    one = take(jti, 1)
    assert await granted(counted, one, one | {"amount": 5}, one) == [1, "key_reused", 1]
    assert await granted(counted, one | {"amount": 2, "least": 1}) == ["key_reused"]
    assert await left(counted, jti) == 4


@pytest.mark.parametrize("amount", [0, -1, -(2**63), 2**63, MOST_AMOUNT + 1, 1e308, "5"])
async def test_odd_amounts_make_no_uses(counted: Installation, jti: str, amount: object):
    lease = take(jti, 2)
    assert await granted(counted, lease) == [2]
    odd: dict[str, Any] = lease | {"amount": amount}
    assert (await spend(counted, odd)).status_code == 400
    assert (await spend(counted, returns=[odd])).status_code == 400
    assert await left(counted, jti) == 3


async def test_the_greatest_amount_is_no_more_than_there_is(counted: Installation, jti: str):
    assert await granted(counted, take(jti, MOST_AMOUNT)) == ["used_up"]
    assert await granted(counted, take(jti, MOST_AMOUNT, least=1)) == [5]
    assert await left(counted, jti) == 0


async def test_more_is_not_given_back_than_was_granted(counted: Installation, jti: str):
    lease = take(jti, 9, least=1)
    assert await granted(counted, lease) == [5]
    returns = [lease | {"amount": amount} for amount in (6, 9, 5, 5, 1)]
    for each in returns:
        each.pop("least")
    assert (await spend(counted, returns=returns)).json()["returns"] == [0, 0, 5, 0, 0]
    assert await left(counted, jti) == 5


async def test_the_guard_of_another_api_spends_nothing(counted: Installation, jti: str):
    """A leaked credential reaches as far as the APIs that it guards."""
    mail = {"client_id": "mail-guard"}
    assert (await spend(counted, take(jti), **mail, audience=NOTES)).status_code == 400
    assert await granted(counted, take(jti), **mail, audience=MAIL) == ["not_registered"]
    lease = take(jti, 2)
    assert await granted(counted, lease) == [2]
    answer = await spend(counted, returns=[lease], audience=MAIL)
    assert answer.json()["returns"] == [0]
    assert await left(counted, jti) == 3


async def test_tokens_cannot_be_guessed_or_made_up(counted: Installation):
    """What is not limited has no uses to take, and asking makes none."""
    plain = str(unverified_claims(await counted.service_token())["jti"])
    asked = [take(plain), take("x" * 22), take("' OR 1=1 --", name="%")]
    assert await granted(counted, *asked) == ["not_registered"] * 3
    assert await granted(counted, *asked) == ["not_registered"] * 3


async def test_a_service_does_not_count_itself(counted: Installation):
    """Its own credentials, which asked for the token, are no guard's."""
    token = str(unverified_claims(await counted.service_token(max_uses=1))["jti"])
    assert (await spend(counted, take(token), client_id="service")).status_code == 403
    async with counted.browser() as anyone:
        answer = await anyone.post("/allowances", json={"audience": NOTES})
        assert answer.status_code == 401


async def test_the_server_itself_takes_no_limited_token(counted: Installation):
    """It does not count, so it would let such a token pass for ever."""
    await counted.add_client("reader", scopes=frozenset({"counterfoil:read"}))
    form = {"grant_type": "client_credentials", "max_uses": "1"}
    answer = await counted.post("/token", "reader", **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    own = await counted.authority.store.read(lambda tx: tx.apis.find(f"{counted.issuer}/api"))
    assert own is not None
    with pytest.raises(OAuthError, match="counts no uses"):
        demand_api_policy(replace(own, policy=ApiPolicy(max_uses=1)))


async def test_no_other_way_to_a_token_goes_round_the_limit_of_an_api(counted: Installation):
    """What people make by hand has no limit; who may exchange nothing exchanges no limit away."""
    notes = await counted.authority.store.read(lambda tx: tx.apis.find(NOTES))
    assert notes is not None
    with pytest.raises(OAuthError, match="has no limit"):
        demand_api_policy(replace(notes, policy=ApiPolicy(max_uses=1, personal_tokens=True)))
    token = await counted.service_token(max_uses=5)
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
    await counted.add_client(
        "exchanger", grant_types=(form["grant_type"],), scopes=frozenset({"notes:read"})
    )
    answer = await counted.post("/token", "exchanger", **form)
    assert (answer.status_code, answer.json()["error_reason"]) == (400, "not_permitted")


def limited(desk: Desk, **changes: object) -> str:
    return desk.token(**({"typ": TYPE, "max_uses": 3} | changes))


@pytest.mark.parametrize("known", [("at+jwt",), ("at+jwt", URL_BOUND)])
def test_a_guard_that_does_not_know_the_limit_refuses_the_token(desk: Desk, known: tuple[str, ...]):
    """S75: what is not counted is not let pass; bound to a URL or not."""
    bound = {"url_bound": {"methods": ["GET"], "url": "https://notes.example/notes"}}
    for token in (limited(desk), limited(desk, **bound)):
        with pytest.raises(JoseError) as refused:
            jwt.verify(token, {desk.key.public.kid: desk.key.public}, known)
        assert refused.value.reason == "wrong_type"


def test_a_limit_cannot_be_widened_or_left_out(desk: Desk):
    """By whoever has not the key; and whoever takes the type off is limited all the same."""
    stranger = PrivateKey.generate()
    assert desk.reason(limited(desk, max_uses=100, key=stranger)) is Reason.UNKNOWN_KEY
    head, _, tail = limited(desk).split(".")
    _, claims, _ = limited(desk, max_uses=100).split(".")
    assert desk.reason(f"{head}.{claims}.{tail}") is Reason.BAD_SIGNATURE
    assert desk.reason(limited(desk, typ="at+jwt")) is Reason.UNCOUNTED


def test_no_ticket_is_made_of_a_limited_token(desk: Desk):
    """A ticket would be good for five minutes, as often as one likes."""
    gate: Gate = desk.gate(tickets=Tickets(keys=(b"k" * 32,)))
    assert desk.state.uses is not None
    desk.state.uses.hold("t1", int(desk.clock.now) + 600, new_key(), 1)
    asked = request("/tickets", method="POST", token=limited(desk))
    token = gate.admit_blocking(asked)
    with pytest.raises(Rejected) as refused:
        gate.ticket(asked, token, b'{"url": "/files/7"}')
    assert refused.value.reason is Reason.NOT_PERMITTED


TOO_OLD = (MaxAge(5),)
"""What a route demands of a token, and the one below does not meet."""


def one_use(desk: Desk) -> str:
    assert desk.state.uses is not None
    desk.state.uses.hold("t1", int(desk.clock.now) + 600, new_key(), 1)
    return limited(desk, max_uses=1, iat=int(desk.clock.now) - 10)


async def uses_of(gate: Gate, token: str) -> int:
    """How many more requests pass."""
    passed = 0
    for _ in range(10):
        try:
            await admit_once(gate, {}, request(token=token), ())
        except Rejected:
            continue
        passed += 1
    return passed


async def test_a_connection_that_is_refused_again_and_again_makes_no_uses(desk: Desk):
    """A WebSocket whose messages each demand something: what was one use was as many as refused."""
    token, gate, kept = one_use(desk), desk.gate(), dict[str, object]()
    await admit_once(gate, kept, request(token=token), ())
    for _ in range(5):
        with pytest.raises(Rejected) as refused:
            await admit_once(gate, kept, request(token=token), TOO_OLD)
    gate.refusal(refused.value, request(token=token))
    assert await uses_of(gate, token) == 1


async def test_who_is_served_in_spite_of_a_refusal_has_spent_the_use(desk: Desk):
    """An app that only wants to know whether the token could do more, and answers in any case."""
    token, gate, kept = one_use(desk), desk.gate(), dict[str, object]()
    await admit_once(gate, kept, request(token=token), ())
    with pytest.raises(Rejected):
        await admit_once(gate, kept, request(token=token), TOO_OLD)
    await admit_once(gate, kept, request(token=token), ())
    assert await uses_of(gate, token) == 0


async def test_who_was_given_the_use_back_must_spend_another(desk: Desk):
    token, gate, kept = one_use(desk), desk.gate(), dict[str, object]()
    await admit_once(gate, kept, request(token=token), ())
    with pytest.raises(Rejected) as refused:
        admit_once_blocking(gate, kept, request(token=token), TOO_OLD)
    gate.refusal(refused.value, request(token=token))
    admit_once_blocking(gate, kept, request(token=token), ())
    assert await uses_of(gate, token) == 0


class Streaming:
    """An app that answers first, and then demands more."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self.token, self.gate = one_use(desk), gate

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"what was to be had once"
        admit_once_blocking(self.gate, environ, wsgi.request_of(environ), TOO_OLD)

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await admit_once(self.gate, dict(scope), asgi.request_of(scope), TOO_OLD)


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_use_is_not_given_back_in_the_middle_of_an_answer(desk: Desk, kind: str):
    """What was served was served: of a stream, and of a WebSocket that was accepted."""
    app = Streaming(desk, desk.gate())
    headers = [(b"authorization", f"Bearer {app.token}".encode()), (b"host", b"notes.example")]
    scope = {"type": kind, "method": "GET", "scheme": "https", "path": "/", "headers": headers}

    async def send(_: object) -> None: ...

    with suppress(RuntimeError):
        await asgi.GuardMiddleware(app.asgi, app.gate.guard)(dict(scope), send, send)
    assert await uses_of(app.gate, app.token) == 0


async def test_nor_is_it_where_the_app_accepts_before_it_asks(desk: Desk):
    """By a copy of the scope, as middleware makes it: accepted, admitted, served, and refused."""
    token, gate = one_use(desk), desk.gate()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope = dict(scope)
        await send({"type": "websocket.accept"})
        await admit_once(gate, scope, asgi.request_of(scope), ())
        await admit_once(gate, scope, asgi.request_of(scope), TOO_OLD)

    async def send(_: object) -> None: ...

    headers = [(b"authorization", f"Bearer {token}".encode()), (b"host", b"notes.example")]
    scope = {"type": "websocket", "scheme": "wss", "path": "/", "headers": headers}
    await asgi.serve(gate, app, scope, send, send)
    assert await uses_of(gate, token) == 0


def test_nor_is_it_by_a_wsgi_app(desk: Desk):
    app = Streaming(desk, desk.gate())
    environ: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {app.token}"}
    setup_testing_defaults(environ)
    environ["wsgi.url_scheme"] = "https"
    body = wsgi.GuardMiddleware(app, app.gate.guard)(environ, lambda *_: lambda _: None)
    with pytest.raises(Rejected) as refused:
        list(body)
    app.gate.refusal(refused.value, request())
    assert desk.state.uses is not None
    assert len(desk.state.uses) == 0
