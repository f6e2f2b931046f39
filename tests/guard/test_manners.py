"""What an API answers unasked, and what all its answers carry."""

import json

import pytest

from counterfoil.guard import Cors, MaxAge, Proofs, Rejected, ResourceMetadata, Sessions, Web
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.reply import Refusal
from counterfoil.guard.request import Request
from tests.guard.desk import Desk, request
from tests.guard.issuer import AUDIENCE

APP = "https://app.example"
PREFLIGHT = {"origin": APP, "access_control_request_method": "PUT"}
PLACE = f"{AUDIENCE}/.well-known/oauth-protected-resource"
DESCRIBED = Web(metadata=ResourceMetadata(scopes=("notes:read", "notes:write")))


def nothing(_name: str) -> None:
    return None


def refusal(gate: Gate, asked: Request, *demands: object) -> Refusal:
    with pytest.raises(Rejected) as refused:
        gate.admit_blocking(asked, demands_of(*demands))
    return gate.refusal(refused.value, asked)


def test_a_preflight_is_answered_before_any_token(desk: Desk):
    """S97."""
    reply = desk.gate().answer(request(method="OPTIONS", **PREFLIGHT))
    assert reply is not None
    assert reply.status == 204
    assert desk.gate().answer(request(method="OPTIONS")) is None


def test_cors_may_be_left_to_the_app(desk: Desk):
    gate = desk.gate(web=Web(cors=None))
    assert gate.answer(request(method="OPTIONS", **PREFLIGHT)) is None
    assert "access-control-allow-origin" not in gate.further_headers(request(origin=APP), nothing)


def test_answers_are_for_one_user_alone(desk: Desk):
    """S99: unless the app says otherwise, and then still for one token each."""
    gate = desk.gate()
    headers = gate.further_headers(request(), nothing)
    assert headers["cache-control"] == "private, no-store"
    assert headers["vary"] == "Authorization"
    said = {"cache-control": "public, max-age=60", "vary": "Accept, authorization"}
    headers = gate.further_headers(request(), said.get)
    assert "cache-control" not in headers
    assert headers["vary"] == "Accept, authorization"
    assert gate.further_headers(request(), {"vary": "*"}.get)["vary"] == "*"
    assert (
        gate.further_headers(request(), {"vary": "Accept"}.get)["vary"] == "Accept, Authorization"
    )


def test_all_that_decides_is_said_to_caches(desk: Desk):
    sessions = Sessions(cookie="sid", look_up=nothing)
    gate = desk.gate(web=Web(sessions=sessions, cors=Cors(origins=(APP,))))
    assert gate.further_headers(request(), nothing)["vary"] == "Authorization, Cookie, Origin"


def test_a_refusal_may_be_read_by_scripts_and_kept_by_nobody(desk: Desk):
    refused = refusal(desk.gate(), request(origin=APP))
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]
    assert refused.headers["cache-control"] == "no-store"
    assert refused.headers["vary"] == "Authorization"


def test_an_app_with_cors_of_its_own_keeps_it(desk: Desk):
    said = {"access-control-allow-origin": "https://own.example"}
    assert "access-control-allow-origin" not in desk.gate().further_headers(request(), said.get)


def test_the_next_nonce_is_in_every_answer(desk: Desk):
    gate = desk.gate(proofs=Proofs(nonces=True))
    assert gate.further_headers(request(), nothing)["dpop-nonce"]


def test_metadata_are_published_and_named_in_every_challenge(desk: Desk):
    """RFC 9728 §5.1; M14, M15."""
    gate = desk.gate(web=DESCRIBED)
    reply = gate.answer(request("/.well-known/oauth-protected-resource", origin=APP))
    assert reply is not None
    document = json.loads(reply.body)
    assert (document["resource"], document["authorization_servers"]) == (AUDIENCE, [desk.iss])
    assert reply.headers["access-control-allow-origin"] == "*"
    for asked in (request(), request(token="x.y.z"), request(token=desk.token(exp=1))):
        challenge = refusal(gate, asked).headers["www-authenticate"]
        assert f'resource_metadata="{PLACE}"' in challenge


def test_without_metadata_nothing_is_published(desk: Desk):
    gate = desk.gate()
    assert gate.answer(request("/.well-known/oauth-protected-resource")) is None
    assert "resource_metadata" not in refusal(gate, request()).headers["www-authenticate"]


def test_every_scope_is_asked_for_in_one_challenge(desk: Desk):
    """M19, M21: before there is a token as well as when it is too weak."""
    demands = demands_of("notes:read", MaxAge(60)) + demands_of("notes:admin", "notes:read")
    for asked in (request(), request(token=desk.token())):
        challenge = refusal(desk.gate(), asked, *demands).headers["www-authenticate"]
        assert 'scope="notes:read notes:admin"' in challenge


def test_the_challenge_names_both_schemes_with_the_metadata(desk: Desk):
    challenge = refusal(desk.gate(web=DESCRIBED), request()).headers["www-authenticate"]
    bearer, _, dpop = challenge.partition(", DPoP ")
    assert bearer.startswith("Bearer ")
    assert PLACE in bearer
    assert PLACE in dpop


def test_metadata_that_cannot_be_said_stop_the_start(desk: Desk):
    with pytest.raises(ValueError, match="does not trust"):
        desk.gate(web=Web(metadata=ResourceMetadata(authorization_servers=("https://x.example",))))


def test_a_browsers_cookie_is_host_only():
    with pytest.raises(ValueError, match="__Host-"):
        Web(browser_cookie="browser")
