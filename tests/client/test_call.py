"""Where a token may go, and which answers are worth a second call."""

import pytest

from counterfoil.client.call import Call, Calls, Places, is_below
from counterfoil.client.dpop import DpopKey
from counterfoil.client.flows import Flows
from counterfoil.client.tokens import Tokens
from counterfoil.jose import jwt
from tests.client.conversation import OUTSIDE, REGISTRATION

API = "https://api.example"
ENDED = {"www-authenticate": 'Bearer error="invalid_token", error_reason="revoked"'}
WISH = {"www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n1"}


def call(url: str = f"{API}/notes", *, may_repeat: bool = True, key: DpopKey | None = None) -> Call:
    flows = Flows(REGISTRATION, OUTSIDE, key)
    return Calls(Places.of([API]), flows.headers, flows.prover).call(url, may_repeat=may_repeat)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/notes",
        "https://api.example.evil.example/",
        "https://evil.example/?https://api.example",
        "https://api.example@evil.example/",
        "https://api.example:8443/notes",
        "http://api.example/notes",
        "https://other.api.example/",
        "https://api.example#@evil.example/",
        "https:api.example/notes",
    ],
)
def test_a_token_goes_nowhere_else(url: str):
    """Another host, another port, plain http, and spellings that only look right."""
    with pytest.raises(ValueError, match="example"):
        call(url)


@pytest.mark.parametrize(
    ("url", "address", "expected"),
    [
        (f"{API}/v1/notes", f"{API}/v1", True),
        (f"{API}/v1", f"{API}/v1/", True),
        ("https://API.example:443/v1/x?y", f"{API}/v1", True),
        (f"{API}/v10", f"{API}/v1", False),
        (f"{API}/v1/../v2", f"{API}/v1", False),
        (f"{API}/v1/%2E%2e/v2", f"{API}/v1", False),
        (f"{API}/v1%2f..%2f..%2fv2", f"{API}/v1", False),
        (f"{API}/v1/..%2fv2", f"{API}/v1", False),
        (f"{API}/v1/a..b", f"{API}/v1", True),
        (f"{API}/../x", API, True),
    ],
)
def test_what_lies_below_an_address(url: str, address: str, expected: bool):
    assert is_below(url, address) is expected


def test_a_place_must_be_named_and_safe():
    with pytest.raises(ValueError, match="for which API"):
        Places.of([])
    with pytest.raises(ValueError, match="https"):
        Places.of(["http://api.example"])


def test_a_refused_token_is_replaced_once():
    it = call()
    assert it.headers(Tokens(access_token="a0"), "GET") == {"Authorization": "Bearer a0"}
    assert it.heard(f"{API}/notes", 401, ENDED)
    assert it.refused == "a0"
    it.headers(Tokens(access_token="a1"), "GET")
    assert not it.heard(f"{API}/notes", 401, ENDED)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, ENDED),
        (403, {"www-authenticate": 'Bearer error="insufficient_scope"'}),
        (401, {"www-authenticate": "Bearer"}),
        (401, {"www-authenticate": 'Bearer error="invalid_request"'}),
        (500, {}),
    ],
)
def test_no_other_answer_is_worth_a_second_call(status: int, headers: dict[str, str]):
    it = call()
    it.headers(Tokens(access_token="a0"), "GET")
    assert not it.heard(f"{API}/notes", status, headers)


def test_what_cannot_be_sent_again_is_not():
    it = call(may_repeat=False)
    it.headers(Tokens(access_token="a0"), "POST")
    assert not it.heard(f"{API}/notes", 401, ENDED)


def test_somebody_to_whom_the_api_redirected_is_not_heeded():
    it = call(key=DpopKey.in_memory())
    it.headers(Tokens(access_token="a0", token_type="DPoP"), "GET")
    assert not it.heard("https://evil.example/", 401, ENDED | WISH)
    proof = it.headers(Tokens(access_token="a0", token_type="DPoP"), "GET")["DPoP"]
    assert "nonce" not in jwt.unverified_claims(proof)


def test_a_nonce_is_answered_once_and_then_the_token_may_be_replaced():
    """RFC 9449 §9."""
    it, bound = call(key=DpopKey.in_memory()), Tokens(access_token="a0", token_type="DPoP")
    it.headers(bound, "GET")
    assert it.heard(f"{API}/notes", 401, WISH)
    assert it.refused == ""
    assert jwt.unverified_claims(it.headers(bound, "GET")["DPoP"])["nonce"] == "n1"
    assert not it.heard(f"{API}/notes", 401, WISH)
    assert it.heard(f"{API}/notes", 401, ENDED)
