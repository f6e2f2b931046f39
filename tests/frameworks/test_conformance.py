"""In every framework the guard behaves alike: status, headers and bytes of what it answers."""

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.revocations import Ended
from counterfoil.oauth.use_limit import TYPE
from tests.frameworks.served import FRAMEWORKS, Api, Servers, comparable
from tests.frameworks.serving import client
from tests.guard.issuer import TinyIssuer
from tests.guard.test_use_line import grants
from tests.proofs import Holder

DECLARING = [name for name, framework in FRAMEWORKS.items() if framework.declares]
WITH_SOCKETS = [name for name, framework in FRAMEWORKS.items() if framework.has_sockets]


@pytest.fixture(scope="module", params=FRAMEWORKS)
def api(request: pytest.FixtureRequest, servers: Servers) -> Api:
    return servers.api(request.param)


@pytest.fixture(scope="module", params=DECLARING)
def declaring(request: pytest.FixtureRequest, servers: Servers) -> Api:
    return servers.api(request.param)


@pytest.fixture(scope="module", params=WITH_SOCKETS)
def with_sockets(request: pytest.FixtureRequest, servers: Servers) -> Api:
    return servers.api(request.param)


@pytest.fixture(scope="module")
def reference(servers: Servers) -> Api:
    """That which all are compared with."""
    return servers.api("starlette")


def test_a_request_passes_with_its_token(api: Api):
    answer = api.ask("/notes", api.issuer.token())
    assert (answer.status_code, answer.json()) == (200, {"subject": "u1"})
    assert answer.headers["cache-control"] == "private, no-store"
    assert "authorization" in answer.headers["vary"].lower()
    assert api.ask("/write", api.issuer.token(), "POST").json() == {"written": "u1"}


def test_a_view_of_the_other_kind_is_guarded_too(declaring: Api):
    """Where one is sync and one async."""
    assert declaring.ask("/twin", declaring.issuer.token()).json() == {"subject": "u1"}
    assert declaring.ask("/twin").status_code == 401
    assert declaring.ask("/twin", declaring.issuer.token(scope="x")).status_code == 403


def now() -> int:
    return int(time.time())


REFUSED: dict[str, tuple[str, int, Callable[[TinyIssuer], dict[str, str]]]] = {
    "missing": ("/inside", 401, lambda _: {}),
    "malformed": ("/inside", 401, lambda _: {"authorization": "Bearer a.b.c"}),
    "wrong_audience": ("/inside", 401, lambda issuer: bearing(issuer.token(aud="x"))),
    "expired": ("/inside", 401, lambda issuer: bearing(issuer.token(exp=now() - 90))),
    "insufficient_scope": ("/inside", 403, lambda issuer: bearing(issuer.token())),
    "insecure_transport": (
        "/inside", 400, lambda issuer: bearing(issuer.token()) | {"x-forwarded-proto": "http"},
    ),
    "token_in_query": ("/inside?access_token=x", 400, lambda issuer: bearing(issuer.token())),
    "bad_receipt": (
        "/inside", 400, lambda issuer: bearing(issuer.token()) | {"counterfoil-at-least": "soon"},
    ),
    "stale": (
        "/inside", 503, lambda issuer: bearing(issuer.token()) | {"counterfoil-at-least": "e1:999"},
    ),
    "proof_missing": (
        "/inside", 401, lambda issuer: {"authorization": f"DPoP {issuer.token()}"},
    ),
    "proof_invalid": (
        "/inside", 401, lambda issuer: {"authorization": f"DPoP {issuer.token()}", "dpop": "x"},
    ),
}  # fmt: skip


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_refusal_is_the_same_everywhere(api: Api, reference: Api, reason: str):
    """S109: by status, headers and body."""
    path, status, headers = REFUSED[reason]
    given = headers(api.issuer)
    here, there = api.http.get(path, headers=given), reference.http.get(path, headers=given)
    assert (here.status_code, here.json()["error_reason"]) == (status, reason)
    assert here.json()["request_id"] == here.headers["x-request-id"]
    assert comparable(here) == comparable(there)


@pytest.mark.parametrize(
    ("path", "changes", "reason"),
    [
        ("/recent", {"iat": -120}, "too_old"),
        ("/write", {"scope": "notes:read"}, "insufficient_scope"),
        ("/notes", {"scope": "notes:write"}, "insufficient_scope"),
        ("/notes", {"aud": "x"}, "wrong_audience"),
    ],
)
def test_what_a_route_demands_is_demanded_alike(
    declaring: Api, reference: Api, path: str, changes: dict[str, Any], reason: str
):
    """S118."""
    if "iat" in changes:
        changes = {"iat": now() + changes["iat"]}
    token, method = declaring.issuer.token(**changes), "POST" if path == "/write" else "GET"
    here, there = declaring.ask(path, token, method), reference.ask(path, token, method)
    assert here.json()["error_reason"] == reason
    assert comparable(here) == comparable(there)
    assert declaring.ask("/recent", declaring.issuer.token()).status_code == 200


def test_what_was_ended_is_refused_everywhere(api: Api, reference: Api):
    family = f"family-of-{api.name}"
    token = api.issuer.token(fam=family)
    assert api.ask("/notes", token).status_code == 200
    position = api.issuer.end(Ended.FAMILY, family)
    here, there = (each.ask_from(position, "/inside", token) for each in (api, reference))
    assert here.json()["error_reason"] == "revoked"
    assert comparable(here) == comparable(there)


def test_two_authorization_headers_are_malformed(api: Api, reference: Api):
    """Also where the server joins them: nobody guesses which was meant."""
    headers = [("authorization", f"Bearer {api.issuer.token()}")] * 2
    here, there = (each.http.get("/inside", headers=headers) for each in (api, reference))
    assert here.json()["error_reason"] == "malformed"
    assert comparable(here) == comparable(there)


def test_a_preflight_is_answered_without_a_token(api: Api, reference: Api):
    """S97."""
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-own",
    }
    here, there = (each.http.options("/notes", headers=asked) for each in (api, reference))
    assert here.status_code == 204
    assert "x-own" in here.headers["access-control-allow-headers"]
    assert comparable(here) == comparable(there)
    answer = api.ask("/notes", api.issuer.token(), origin="https://app.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "DPoP-Nonce" in answer.headers["access-control-expose-headers"]


def test_the_metadata_stand_where_they_must(api: Api, reference: Api):
    """RFC 9728 §3: at the root of the host, wherever the API begins."""
    path = "/.well-known/oauth-protected-resource"
    with client(api.url.removesuffix(api.framework.prefix)) as root:
        here = root.get(path)
    assert here.json()["authorization_servers"] == [api.issuer.url]
    assert comparable(here) == comparable(reference.http.get(path))
    refused = api.ask("/inside")
    assert f'resource_metadata="https://notes.example{path}"' in refused.headers["www-authenticate"]


def test_head_is_guarded_as_get_is(api: Api, reference: Api):
    here, there = (each.ask("/notes", method="HEAD") for each in (api, reference))
    assert (here.status_code, here.content) == (401, b"")
    if api.framework.declares:
        assert comparable(here) == comparable(there)
    passed = api.ask("/notes", api.issuer.token(), "HEAD")
    assert (passed.status_code // 100, passed.content) == (2, b"")


def test_a_bound_token_needs_its_key_a_nonce_and_a_new_proof(api: Api, reference: Api):
    """RFC 9449 §8, §9: and the URL is the one that the client wrote."""
    holder, path = Holder(), "/names/caf%C3%A9%2dx%20y"
    token = api.issuer.token(cnf={"jkt": holder.thumbprint})
    first, there = (each.ask_with_proof(path, holder, token) for each in (api, reference))
    assert first.json()["error_reason"] == "nonce_needed"
    if api.framework.declares:
        assert comparable(first) == comparable(there)
    jti, nonce = secrets.token_hex(8), first.headers["dpop-nonce"]
    passed = api.ask_with_proof(path, holder, token, nonce=nonce, jti=jti)
    assert (passed.status_code, passed.text) == (200, "café-x y")
    assert passed.headers["dpop-nonce"]
    replayed = api.ask_with_proof(path, holder, token, nonce=nonce, jti=jti)
    assert replayed.json()["error_reason"] == "proof_replayed"
    elsewhere = api.ask_with_proof(path, holder, token, nonce=nonce, htu=f"{api.url}/names/x")
    assert elsewhere.json()["error_reason"] == "proof_mismatch"
    assert api.ask(path, token).json()["error_reason"] == "wrong_binding"


def test_an_open_route_needs_no_token(api: Api):
    """S98: and carries nothing of the guard's, so that it can be cached."""
    for path, text in (("/health", "well"), ("/made/file", "file")):
        answer = api.ask(path)
        assert (answer.status_code, answer.text) == (200, text)
        assert "dpop-nonce" not in answer.headers
        assert "no-store" not in answer.headers.get("cache-control", "")


def test_a_failure_stays_one(api: Api):
    assert api.ask("/broken").status_code == 401
    with client(api.url) as http:  # servers close the connection
        answer = http.get("/broken", headers=bearing(api.issuer.token()))
    assert answer.status_code == 500
    assert "www-authenticate" not in answer.headers


def test_an_answer_may_come_in_pieces(api: Api):
    answer = api.ask("/stream", api.issuer.token())
    assert (answer.status_code, answer.text) == (200, "one two u1")
    assert answer.headers["dpop-nonce"]


def test_what_only_the_issuer_can_say_is_asked_by_many_at_once(api: Api):
    """S49: threads wait for it, an event loop goes on."""
    claims = {"active": True, "token_type": "Bearer", **api.issuer.claims()}
    api.issuer.active = lambda form: claims if "token=" in form else False
    tokens = [spell(Kind.ACCESS_TOKEN, secrets.token_bytes(32)).reveal() for _ in range(4)]

    def ask(token: str) -> httpx2.Response:
        with client(api.url) as http:
            return http.get("/notes", headers=bearing(token))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, tokens * 2))
    assert [answer.json() for answer in answers] == [{"subject": "u1"}] * 8
    api.issuer.active = lambda _form: False
    refused = api.ask("/notes", spell(Kind.ACCESS_TOKEN, secrets.token_bytes(32)).reveal())
    assert refused.json()["error_reason"] == "revoked"


def test_a_limited_token_works_so_many_times_everywhere(api: Api):
    """S54: and a request that its route refuses costs nothing."""
    api.issuer.spends.clear()
    api.issuer.spending = grants(2)
    limited = {"typ": TYPE, "max_uses": 2, "jti": secrets.token_urlsafe(16)}
    if api.framework.declares:
        refused = api.ask("/write", api.issuer.token(**limited, scope="notes:none"), "POST")
        assert refused.json()["error_reason"] == "insufficient_scope"
        assert [each for each in api.issuer.spends if each["takes"]] == []
    token = api.issuer.token(**limited)
    assert [api.ask("/notes", token).status_code for _ in range(2)] == [200, 200]
    refused = api.ask("/notes", token)
    assert (refused.status_code, refused.json()["error_reason"]) == (401, "used_up")


@pytest.mark.parametrize("path", ["/notes", "/twin"])
def test_nobody_waits_while_the_issuer_is_asked_about_another(declaring: Api, path: str):
    """Neither an async view nor a sync one holds up the event loop, or the other threads."""
    asked, released = threading.Event(), threading.Event()
    claims = {"active": True, "token_type": "Bearer", **declaring.issuer.claims()}

    def says(_form: str) -> object:
        asked.set()
        assert released.wait(20)
        return claims

    declaring.issuer.active = says
    reference = spell(Kind.ACCESS_TOKEN, secrets.token_bytes(32)).reveal()
    with ThreadPoolExecutor(1) as pool, client(declaring.url) as http:
        waiting = pool.submit(http.get, path, headers=bearing(reference))
        assert asked.wait(20)
        assert declaring.ask(path, declaring.issuer.token()).status_code == 200
        assert not waiting.done()
        released.set()
        assert waiting.result().json() == {"subject": "u1"}


def test_a_websocket_opens_with_its_token_alone(with_sockets: Api):
    """And closes where its token does not permit what follows (RFC 6455 §7.4.1)."""
    url = with_sockets.url.replace("http", "ws") + "/socket"
    for headers, status in (({}, 401), (bearing(with_sockets.issuer.token(scope="x")), 403)):
        with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers):
            pass
        assert refused.value.response.status_code == status
        assert refused.value.response.headers["www-authenticate"].startswith("Bearer")
    with connect(url, additional_headers=bearing(with_sockets.issuer.token())) as socket:
        assert socket.recv() == "u1"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "insufficient_scope")
