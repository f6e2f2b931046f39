"""Preflights, and what scripts of other origins may read."""

import pytest

from counterfoil.guard import Cors
from counterfoil.guard.request import Request

APP = "https://app.example"


def sent(origin: str = APP, method: str = "GET", **headers: str) -> Request:
    pairs = {"origin": origin, **headers} if origin else headers
    return Request(
        method, "https", "192.0.2.7", "/notes", b"",
        [(name.replace("_", "-").encode(), value.encode()) for name, value in pairs.items()],
    )  # fmt: skip


def preflight(origin: str = APP, headers: str = "authorization, x-own") -> Request:
    asked = {"access_control_request_method": "PUT", "access_control_request_headers": headers}
    return sent(origin, "OPTIONS", **asked)


def test_any_origin_is_let_in_without_cookies():
    """S96, S97, X16: and the browser need not ask again for a day."""
    reply = Cors().preflight(preflight())
    assert reply is not None
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-max-age"] == "86400"
    assert (
        reply.headers["access-control-allow-headers"] == "Authorization, DPoP, authorization, x-own"
    )
    assert "PUT" in reply.headers["access-control-allow-methods"].split(", ")
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    "request_",
    [
        sent(method="OPTIONS"),
        sent("", "OPTIONS", access_control_request_method="GET"),
        sent(access_control_request_method="GET"),
    ],
)
def test_what_is_no_preflight_is_not_answered(request_: Request):
    assert Cors().preflight(request_) is None


def test_scripts_may_read_why_they_were_refused():
    exposed = Cors(exposed=("X-Own",)).on_answer(sent())["access-control-expose-headers"]
    assert exposed == "WWW-Authenticate, X-Request-Id, DPoP-Nonce, Retry-After, X-Own"


def test_named_origins_are_told_their_own_name_and_others_nothing():
    cors = Cors(origins=(APP, "https://other.example"), credentials=True)
    assert cors.on_answer(sent())["access-control-allow-origin"] == APP
    assert cors.on_answer(sent())["access-control-allow-credentials"] == "true"
    assert cors.on_answer(sent("https://evil.example")) == {}
    refused = cors.preflight(preflight("https://evil.example"))
    assert refused is not None
    assert refused.headers == {
        "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    }


def test_headers_can_be_named():
    reply = Cors(headers=("X-Own",)).preflight(preflight())
    assert reply is not None
    assert reply.headers["access-control-allow-headers"] == "Authorization, DPoP, X-Own"


def test_what_is_asked_for_is_not_said_again_unless_it_is_a_name():
    reply = Cors().preflight(preflight(headers='x-a, b"d, a b,, x-c:d, é'))
    assert reply is not None
    assert reply.headers["access-control-allow-headers"] == "Authorization, DPoP, x-a"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origins": ("https://app.example/",)},
        {"origins": ("HTTPS://app.example",)},
        {"origins": ("null",)},
        {"origins": ("*", APP)},
        {"origins": ("https://*.example",)},
        {"credentials": True},
        {"methods": ("G ET",)},
        {"headers": ("a\nb",)},
        {"exposed": ("",)},
        {"max_age": -1},
    ],
)
def test_what_cannot_work_is_said_when_it_is_written(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=r"\w"):
        Cors(**wrong)


@pytest.mark.parametrize("origin", [APP, "http://localhost:5173", "http://[::1]:80"])
def test_origins_are_scheme_host_and_port(origin: str):
    assert Cors(origins=(origin,)).on_answer(sent(origin))
