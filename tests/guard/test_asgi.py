"""The guard in front of an ASGI app, under a real server on loopback."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from counterfoil.guard import Guard
from counterfoil.guard.asgi import TOKEN, GuardMiddleware, path_within
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from tests.guard.desk import Desk
from tests.guard.issuer import AUDIENCE, TinyIssuer


async def notes(request: Request) -> Response:
    if request.method == "OPTIONS":
        return PlainTextResponse("preflight")
    token = request.state.token
    assert token is request.scope[TOKEN]
    token.require(*request.query_params.getlist("need"))
    return JSONResponse({"subject": token.subject})


async def broken(_request: Request) -> Response:
    raise RuntimeError("no refusal")


def notes_app() -> Starlette:
    return Starlette(
        routes=[
            Route("/notes", notes, methods=["GET", "POST", "OPTIONS"]),
            Route("/broken", broken),
            Route("/health", lambda _request: PlainTextResponse("well")),
            Route("/static/{rest:path}", lambda _request: PlainTextResponse("file")),
        ]
    )


class Served:
    """An app under uvicorn, with its lifespan."""

    guard: Guard

    def __init__(self, app: object) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="critical", lifespan="on", proxy_headers=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> "Served":
        self._socket.listen()  # from now on a connection waits instead of being refused
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def get(self, path: str, token: str | None = None, **headers: str) -> httpx2.Response:
        sent = headers | ({"authorization": f"Bearer {token}"} if token else {})
        with httpx2.Client(trust_env=False) as client:
            return client.get(self.url + path, headers=sent)


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module", params=["outside", "inside"])
def served(request: pytest.FixtureRequest, issuer: TinyIssuer) -> Iterator[Served]:
    guard = Guard(issuer.url, audience=AUDIENCE)
    app = notes_app()
    options = {"realm": "notes", "open_paths": ("/", "/health", "/static/")}
    if request.param == "outside":
        app = GuardMiddleware(app, guard, **options)
    else:
        app.user_middleware.append(Middleware(GuardMiddleware, guard=guard, **options))
    with Served(app) as served:
        served.guard = guard
        yield served
    assert not guard.is_started


def test_a_request_passes_with_its_token(served: Served, issuer: TinyIssuer):
    """S95: the lifespan has started the guard, and waited for its issuer."""
    answer = served.get("/notes", issuer.token())
    assert answer.json() == {"subject": "u1"}
    assert served.guard.is_started


def test_a_refusal_says_why(served: Served, issuer: TinyIssuer):
    """S109: in the header and in the body (RFC 6750 §3)."""
    answer = served.get("/notes", issuer.token(aud="x"))
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="notes", error="invalid_token", error_description="The access token is meant'
        ' for another API.", error_reason="wrong_audience"'
    )
    assert answer.json() == {
        "error": "invalid_token",
        "error_description": "The access token is meant for another API.",
        "error_reason": "wrong_audience",
        "fingerprint": "t1",
        "request_id": answer.headers["x-request-id"],
    }


def test_without_a_token_it_is_missing(served: Served):
    answer = served.get("/notes")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="notes", error_reason="missing", '
        'DPoP realm="notes", algs="ES256 EdDSA PS256 RS256"'
    )


def test_what_was_ended_is_refused_on_the_next_request(served: Served, issuer: TinyIssuer):
    family = f"f-{served.url}"
    token = issuer.token(fam=family)
    assert served.get("/notes", token).status_code == 200
    number = issuer.end(Ended.FAMILY, family).number
    notices = served.guard._states[issuer.url].notices
    assert served.guard._follower.wait_until(lambda: notices.position.number == number, 10)
    assert served.get("/notes", token).json()["error_reason"] == "revoked"


def test_a_missing_permission_is_a_403(served: Served, issuer: TinyIssuer):
    """Also where the app's framework has already answered 500 for the exception."""
    answer = served.get("/notes?need=notes:admin", issuer.token())
    assert answer.status_code == 403
    assert 'scope="notes:admin"' in answer.headers["www-authenticate"]
    assert answer.json()["error"] == "insufficient_scope"
    assert served.get("/notes?need=notes:read", issuer.token()).status_code == 200


def test_a_real_failure_stays_one(served: Served, issuer: TinyIssuer):
    answer = served.get("/broken", issuer.token())
    assert answer.status_code == 500
    assert answer.text == "Internal Server Error"


def test_a_preflight_needs_no_token(served: Served):
    """S97: but any other OPTIONS does."""
    with httpx2.Client(trust_env=False) as client:
        asked = {"origin": "https://a.example", "access-control-request-method": "GET"}
        answer = client.options(f"{served.url}/notes", headers=asked)
        assert (answer.status_code, answer.text) == (204, "")
        assert answer.headers["access-control-allow-origin"] == "*"
        for name, value in asked.items():
            alone = {name: value}
            assert client.options(f"{served.url}/notes", headers=alone).status_code == 401


@pytest.mark.parametrize("path", ["/health", "/static/a.css", "/static/"])
def test_open_paths_need_none(served: Served, path: str):
    """S98."""
    assert served.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/health/", "/health/x", "/Health", "/static/%2e%2e/notes", "/static//notes", "/static"],
)
def test_nothing_near_an_open_path_is_open(served: Served, path: str):
    assert served.get(path).status_code == 401


@pytest.mark.parametrize("query", ["access_token={}", "a=1&access%5Ftoken={}"])
def test_a_token_in_the_url_is_refused(served: Served, issuer: TinyIssuer, query: str):
    """S99: RFC 9700 §4.3.2."""
    for header in (None, issuer.token()):
        answer = served.get(f"/notes?{query.format(issuer.token())}", header)
        assert answer.status_code == 400
        assert answer.json()["error_reason"] == "token_in_query"


def test_plain_http_behind_a_proxy_is_refused(served: Served, issuer: TinyIssuer):
    """S94."""
    token, plain = issuer.token(), {"x-forwarded-proto": "http"}
    answer = served.get("/notes", token, **plain)
    assert answer.status_code == 400
    assert answer.json()["error_reason"] == "insecure_transport"
    secure = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"}
    assert served.get("/notes", token, **secure).status_code == 200


@pytest.mark.parametrize(
    "authorization", ["Basic dTpw", "Bearer", "Bearer a b", "Bearer x, Bearer y", "bearer x"]
)
def test_odd_headers_are_refused(served: Served, authorization: str):
    answer = served.get("/notes", authorization=authorization)
    assert answer.json()["error_reason"] in {"missing", "malformed"}
    assert answer.status_code == 401


def test_two_headers_are_refused(served: Served, issuer: TinyIssuer):
    """Who reads which? Nobody guesses."""
    token = f"Bearer {issuer.token()}"
    with httpx2.Client(trust_env=False) as client:
        headers = [("authorization", token), ("authorization", token)]
        answer = client.get(f"{served.url}/notes", headers=headers)
    assert answer.json()["error_reason"] == "malformed"


def test_no_answer_shows_the_token(served: Served, issuer: TinyIssuer):
    """S110."""
    token = issuer.token(aud="x")
    answer = served.get("/notes", token)
    assert not any(piece in f"{answer.text} {answer.headers}" for piece in token.split("."))


@pytest.mark.anyio
async def test_staleness_is_a_503():
    desk = Desk()
    desk.clock.now += 31
    sent = await answers(GuardMiddleware(silent, desk.guard), http(desk.token()))
    assert sent[0]["status"] == 503
    assert dict(sent[0]["headers"])[b"retry-after"] == b"1"
    assert json.loads(sent[1]["body"])["error_reason"] == "stale"


def test_a_request_may_demand_a_receipt(served: Served, issuer: TinyIssuer):
    """Counterfoil-At-Least: the guard decides once it has reached it, and says 503 until then."""
    token, ended = issuer.token(), len(issuer.book.texts)
    receipt = f"{issuer.book.epoch}:{ended + 1}"
    unreached = served.get("/notes", token, **{"Counterfoil-At-Least": receipt})
    assert (unreached.status_code, unreached.json()["error_reason"]) == (503, "stale")
    assert unreached.headers["retry-after"] == "1"
    position = issuer.end(Ended.FAMILY, "another")
    assert str(position) == receipt
    notices = served.guard._states[issuer.url].notices
    assert served.guard._follower.wait_until(lambda: notices.has_proved(position), 10)
    assert served.get("/notes", token, **{"Counterfoil-At-Least": receipt}).status_code == 200


@pytest.mark.parametrize("receipts", [["soon"], [""], ["e1:1", "e1:1"]])
def test_what_is_no_receipt_is_a_clear_error(
    served: Served, issuer: TinyIssuer, receipts: list[str]
):
    headers = [("Authorization", f"Bearer {issuer.token()}")]
    headers += [("Counterfoil-At-Least", receipt) for receipt in receipts]
    with httpx2.Client(trust_env=False) as client:
        answer = client.get(f"{served.url}/notes", headers=headers)
    assert (answer.status_code, answer.json()["error_reason"]) == (400, "bad_receipt")
    assert "epoch:number" in answer.json()["error_description"]


@pytest.mark.anyio
@pytest.mark.parametrize("token", [None, "a.b.c"])
async def test_a_websocket_is_refused_before_it_opens(token: str | None):
    app = GuardMiddleware(silent, Desk().guard)
    (closed,) = await answers(app, http(token, kind="websocket"))
    assert closed["type"] == "websocket.close"
    assert closed["code"] == 1008
    assert closed["reason"] in {Reason.MISSING, Reason.MALFORMED}
    extended = http(token, kind="websocket") | {"extensions": {"websocket.http.response": {}}}
    start, body = await answers(app, extended)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert json.loads(body["body"])["error_reason"] == closed["reason"]


@pytest.mark.anyio
async def test_a_websocket_opens_with_a_token_and_closes_where_one_lacks_permission():
    desk = Desk()

    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
        scope[TOKEN].require("notes:admin")

    sent = await answers(GuardMiddleware(app, desk.guard), http(desk.token(), kind="websocket"))
    assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["reason"] == "insufficient_scope"


@pytest.mark.anyio
async def test_a_refusal_in_the_middle_of_an_answer_breaks_it_off():
    desk = Desk()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope[TOKEN].require("notes:admin")

    with pytest.raises(RuntimeError, match="insufficient_scope"):
        await answers(GuardMiddleware(app, desk.guard), http(desk.token()))


@pytest.mark.anyio
async def test_a_failure_that_streams_is_passed_on():
    desk = Desk()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    sent = await answers(GuardMiddleware(app, desk.guard), http(desk.token()))
    assert [each.get("body") for each in sent] == [None, b"a", b"b"]


def test_a_realm_that_no_header_can_carry_is_refused_at_once():
    with pytest.raises(ValueError, match="realm"):
        GuardMiddleware(silent, Desk().guard, realm="a\nb")


async def silent(scope, receive, send):
    raise AssertionError("the app must not be reached")


def http(token: str | None, kind: str = "http") -> dict[str, object]:
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    return {
        "type": kind,
        "method": "GET",
        "scheme": "https" if kind == "http" else "wss",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "client": ("198.51.100.7", 1),
    }


async def answers(app: GuardMiddleware, scope: dict[str, object]) -> list[dict[str, object]]:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    app._gate.guard._follower._thread = threading.current_thread()  # the desk needs no thread
    await app(scope, receive, send)
    return sent


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["webtransport", "HTTP", ""])
async def test_a_connection_of_a_kind_that_is_not_known_reaches_no_app(kind: str):
    """Nobody knows how a token would come on it (ASGI: what is not understood raises)."""
    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def nothing(*_: Any) -> dict[str, str]:
        return {}

    guarded = GuardMiddleware(app, Desk().guard, open_paths=("/",))
    with pytest.raises(ValueError, match="not guarded"):
        await guarded({"type": kind, "path": "/", "headers": []}, nothing, nothing)
    assert reached == []


@pytest.mark.parametrize(
    ("path", "mounted", "within"),
    [
        ("/api/notes", "/api", "/notes"),
        ("/api", "/api/", "/"),
        ("/apis/notes", "/api", "/apis/notes"),
        ("/notes", "/api", "/notes"),
        ("/notes", "", "/notes"),
    ],
)
def test_open_paths_begin_where_the_app_is_mounted(path: str, mounted: str, within: str):
    """And not in the middle of a name: what is open there must not open another."""
    assert path_within({"path": path, "root_path": mounted}) == within
