"""Origins that would like to be echoed, and preflights that carry more (S96, S97)."""

import pytest

from counterfoil.guard import Cors, Rejected, ResourceMetadata, Web
from tests.guard.desk import Desk, request

pytestmark = pytest.mark.one_engine("no server of ours is there")

APP = "https://app.example"
LOOKALIKES = [
    "https://app.example.evil.example", "https://evilapp.example", "http://app.example",
    "https://app.example:444", "https://app.example/", "https://APP.example", "null", "*",
    "https://app.example\r\nx: y", f"{APP}, https://evil.example", f"{APP} ", "",
]  # fmt: skip


@pytest.mark.parametrize("origin", LOOKALIKES)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_lookalike_is_let_in(desk: Desk, origin: str, method: str):
    web = Web(cors=Cors(origins=(APP,), credentials=True))
    gate = desk.gate(web=web)
    asked = request(method=method, origin=origin, access_control_request_method="GET")
    reply = gate.answer(asked)
    headers = reply.headers if reply else gate.further_headers(asked, {}.get)
    assert not [name for name in headers if name.startswith("access-control")]
    assert "Origin" in headers["vary"]


@pytest.mark.parametrize("origin", LOOKALIKES)
def test_no_origin_is_ever_echoed_that_was_not_named(desk: Desk, origin: str):
    """S96."""
    asked = request(method="OPTIONS", origin=origin, access_control_request_method="GET")
    reply = desk.gate().answer(asked)
    assert reply is not None
    assert reply.headers["access-control-allow-origin"] == "*"


def test_a_preflight_opens_nothing(desk: Desk):
    """S97: it is answered, empty; whatever it brings along goes no further."""
    asked = request(method="OPTIONS", origin=APP, access_control_request_method="GET", token="x")
    reply = desk.gate().answer(asked)
    assert reply is not None
    assert (reply.status, reply.body) == (204, b"")
    for method in ("GET", "POST", "options"):
        real = request(method=method, origin=APP, access_control_request_method="GET")
        assert desk.gate().answer(real) is None


def test_a_header_of_the_answer_holds_no_more_than_names(desk: Desk):
    names = 'authorization, "x", a\r\nset-cookie: b=c, <script>, ' + ", ".join(
        ["x-" + "a" * 9] * 99
    )
    reply = desk.gate().answer(
        request(
            method="OPTIONS",
            origin=APP,
            access_control_request_method="GET",
            access_control_request_headers=names,
        )
    )
    assert reply is not None
    assert reply.headers["access-control-allow-headers"] == (
        "Authorization, DPoP, authorization, x-aaaaaaaaa"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/../notes",
        "/.well-known/oauth-protected-resource/notes",
        "/.well-known/oauth-protected-resource%2f",
        "/.well-known//oauth-protected-resource",
        "/.WELL-KNOWN/oauth-protected-resource",
        "//.well-known/oauth-protected-resource",
        "/notes/.well-known/oauth-protected-resource",
        "/x/../.well-known/oauth-protected-resource",
    ],
)
def test_no_path_that_only_looks_like_the_metadata_is_answered_without_a_token(
    desk: Desk, path: str
):
    gate = desk.gate(web=Web(metadata=ResourceMetadata()))
    assert gate.answer(request(path)) is None


def test_a_host_that_was_made_up_stands_nowhere_in_the_metadata(desk: Desk):
    """Whoever could choose the host would lead clients to a server of theirs (RFC 9728 §7.4)."""
    gate = desk.gate(web=Web(metadata=ResourceMetadata()))
    asked = request("/.well-known/oauth-protected-resource", host="evil.example")
    evil = request(host="evil.example", x_forwarded_host="evil.example", peer="10.0.0.1")
    reply = gate.answer(asked)
    assert reply is not None
    assert b"evil" not in reply.body
    with pytest.raises(Rejected) as refused:
        gate.admit_blocking(evil)
    assert "evil" not in gate.refusal(refused.value, evil).headers["www-authenticate"]
