"""Which headers pass."""

import pytest

from counterfoil.bff.asgi import Request, TurnedAway
from counterfoil.bff.passing import declared_length, passed_back, passed_on


def request(*headers: tuple[str, str]) -> Request:
    return Request("POST", "/api", headers=headers)


def test_what_is_named_is_passed_on_and_nothing_else():
    sent = request(
        ("accept", "application/json"),
        ("accept", "text/plain"),
        ("content-type", "application/json"),
        ("cookie", "__Host-bff-session=x"),
        ("authorization", "Bearer x"),
        ("dpop", "x"),
        ("host", "evil.example"),
        ("connection", "close, x-mine"),
        ("x-forwarded-for", "1.2.3.4"),
        ("forwarded", "for=1.2.3.4"),
        ("x-http-method-override", "DELETE"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("x-counterfoil-bff", "1"),
        ("x-mine", "1"),
    )
    usual = {"accept": "application/json, text/plain", "content-type": "application/json"}
    assert passed_on(sent, ()) == usual
    further = ("X-Mine", "Cookie", "Authorization", "Transfer-Encoding", "TE", "Connection")
    assert passed_on(sent, further) == usual | {"x-mine": "1"}


def test_a_value_with_a_line_break_is_refused():
    """Header injection."""
    with pytest.raises(TurnedAway):
        passed_on(request(("accept", "a\r\nx-admin: 1")), ())


def test_what_comes_back_sets_no_cookie_and_opens_no_door():
    answer = (
        ("content-type", "text/html"),
        ("etag", '"1"'),
        ("set-cookie", "__Host-bff-session=evil"),
        ("clear-site-data", '"cookies"'),
        ("access-control-allow-origin", "*"),
        ("cache-control", "public, max-age=3600"),
        ("content-security-policy", "default-src *"),
        ("www-authenticate", "Bearer"),
        ("service-worker-allowed", "/"),
        ("transfer-encoding", "chunked"),
        ("location", "https://evil.example"),
        ("refresh", "0; url=https://evil.example"),
        ("dpop-nonce", "n"),
    )
    back = dict(passed_back(answer))
    assert back["content-type"] == "text/html"
    assert back["etag"] == '"1"'
    assert back["cache-control"] == "no-store"
    assert "sandbox" in back["content-security-policy"]
    gone = {name for name, _ in answer} - set(back)
    assert gone == {
        *("set-cookie", "clear-site-data", "access-control-allow-origin", "www-authenticate"),
        *("service-worker-allowed", "transfer-encoding", "location", "refresh", "dpop-nonce"),
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("transfer-encoding", "chunked")], 200),
        ([("transfer-encoding", "gzip, chunked")], 200),
        ([], 204),
        ([], 304),
    ],
)
def test_an_answer_has_no_length_beside_another_framing(
    headers: list[tuple[str, str]], status: int
):
    """RFC 9112 §6.3: what came too much would be the next person's answer."""
    answer = (("content-length", "3"), ("etag", '"1"'), *headers)
    assert dict(passed_back(answer[:2]))["content-length"] == "3"
    back = dict(passed_back(answer, status))
    assert "content-length" not in back
    assert back["etag"] == '"1"'


def test_what_no_server_can_write_does_not_come_back():
    answer = (("content-type", "a\x01b"), ("etag", '"\xe9"'), ("link", "a\r\nset-cookie: b=c"))
    back = dict(passed_back(answer))
    assert {"content-type", "link"}.isdisjoint(back)
    assert back["etag"] == '"\xe9"'


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ([], None),
        ([("content-length", "12")], 12),
        ([("transfer-encoding", "chunked")], None),
    ],
)
def test_a_request_says_how_long_it_is(headers: list[tuple[str, str]], length: int | None):
    assert declared_length(request(*headers)) == length


@pytest.mark.parametrize(
    "headers",
    [
        [("content-length", "12"), ("transfer-encoding", "chunked")],
        [("content-length", "12"), ("content-length", "13")],
        [("content-length", "12"), ("content-length", "12")],
        [("content-length", "12, 12")],
        [("content-length", "+12")],
        [("content-length", "-1")],
        [("content-length", "0x10")],
        [("content-length", "")],
        [("content-length", "\u0661")],
        [("transfer-encoding", "gzip, chunked")],
        [("transfer-encoding", "xchunked")],
        [("transfer-encoding", "chunked"), ("transfer-encoding", "identity")],
    ],
)
def test_a_request_that_says_two_things_is_refused(headers: list[tuple[str, str]]):
    """RFC 9112 §11.2: request smuggling."""
    with pytest.raises(TurnedAway) as refused:
        declared_length(request(*headers))
    assert refused.value.reply.status == 400
