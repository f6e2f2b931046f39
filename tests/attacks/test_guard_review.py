"""Ways around a guard by demands, cookies, handshakes, headers and lists."""

import logging
import secrets
import tracemalloc
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard import (
    Bound,
    ClientCertificates,
    Issuer,
    MaxAge,
    OwnPath,
    Rejected,
    Sessions,
    SignedIn,
    StepUp,
    Tickets,
    Web,
    asgi,
    wsgi,
)
from counterfoil.guard.demands import HeardWithin, Presented, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.refusal import log_refusal
from counterfoil.guard.request import Request
from counterfoil.guard.status_lists import StatusLists
from counterfoil.guard.transport import has_token_in_query
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.status_list import StatusList, StatusListToken, WrongStatusList, compressed
from tests.guard.desk import ISSUER, NOW, Desk, request

EVIL = "https://evil.example"
LONGEST = 10**400
"""JSON has no greatest number."""

pytestmark = [pytest.mark.one_engine("no server of ours is there"), pytest.mark.anyio]


@pytest.fixture
def gate(desk: Desk) -> Gate:
    ada = SignedIn(subject="ada", scopes=())
    sessions = Sessions(cookie="__Host-sid", look_up={"s-ada": ada}.get)
    return desk.gate(web=Web(sessions=sessions))


def refused(gate: Gate, asked: Request, *demands: object) -> Reason | None:
    try:
        gate.admit_blocking(asked, demands_of(*demands))
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("scheme", ["https", "http", "", None, "wss"])
def test_a_handshake_stays_one_whatever_a_server_calls_its_scheme(gate: Gate, scheme: str | None):
    """S62: proxy middlewares write ``https`` into the scope of a WebSocket, or nothing at all."""
    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/notes",
        "client": ("127.0.0.1", 4000),
        "headers": [(b"cookie", b"__Host-sid=s-ada"), (b"host", b"notes.example")],
    } | ({} if scheme is None else {"scheme": scheme})
    evil = {**scope, "headers": [*scope["headers"], (b"origin", EVIL.encode())]}
    assert refused(gate, asgi.request_of(evil)) is Reason.FORGED_REQUEST
    assert refused(gate, asgi.request_of(scope)) is Reason.FORGED_REQUEST


def test_a_handshake_through_wsgi_is_one(gate: Gate):
    """Extensions such as Flask-Sock take the socket out of the environ of a GET."""
    environ = {
        "REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "REMOTE_ADDR": "192.0.2.7",
        "PATH_INFO": "/notes", "HTTP_HOST": "notes.example", "HTTP_COOKIE": "__Host-sid=s-ada",
    }  # fmt: skip
    assert refused(gate, wsgi.request_of(environ)) is None
    environ |= {"HTTP_UPGRADE": "WebSocket", "HTTP_ORIGIN": EVIL}
    assert refused(gate, wsgi.request_of(environ)) is Reason.FORGED_REQUEST
    environ["HTTP_ORIGIN"] = "https://notes.example"
    assert refused(gate, wsgi.request_of(environ)) is None


OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")


@pytest.mark.parametrize("header", OVERRIDES)
def test_a_get_that_is_to_become_something_else_is_not_safe(gate: Gate, header: str):
    """Middlewares behind the guard make a DELETE of it."""
    cookie = {"cookie": "__Host-sid=s-ada"}
    assert refused(gate, request(**cookie)) is None
    assert refused(gate, request(**cookie, **{header: "DELETE"})) is Reason.FORGED_REQUEST


@pytest.mark.parametrize("header", [*OVERRIDES, ""])
async def test_a_preflight_that_is_to_become_something_else_needs_a_token(desk: Desk, header: str):
    """Browsers send none; where preflights are left to the app, the app would get a DELETE."""
    reached, sent = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["method"])

    async def send(message: Any) -> None:
        sent.append(message.get("status"))

    headers = [(b"origin", EVIL.encode()), (b"access-control-request-method", b"GET")]
    headers += [(header.encode(), b"DELETE")] if header else []
    scope = {
        "type": "http", "method": "OPTIONS", "scheme": "https", "path": "/notes",
        "headers": headers, "client": ("192.0.2.7", 4000),
    }  # fmt: skip
    guard = desk.gate(web=Web(cors=None)).guard
    await asgi.GuardMiddleware(app, guard)(scope, None, send)
    assert (reached, sent[:1]) == (([], [401]) if header else (["OPTIONS"], []))


@pytest.mark.parametrize("space", [b"\x85", b"\xa0", b"\x1c", b"\x0b"])
def test_no_neighbour_plants_a_cookie_by_a_space_that_browsers_do_not_know(
    gate: Gate, space: bytes
):
    """The prefix ``__Host-`` binds browsers only where they see it at the very beginning."""
    planted = Request(
        "GET", "https", "192.0.2.7", "/", b"", [(b"cookie", space + b"__Host-sid=s-ada")]
    )
    assert refused(gate, planted) is Reason.MISSING
    environ = {
        "REQUEST_METHOD": "GET", "wsgi.url_scheme": "https",
        "HTTP_COOKIE": space.decode("latin-1") + "__Host-sid=s-ada",
    }  # fmt: skip
    assert refused(gate, wsgi.request_of(environ)) is Reason.MISSING


@pytest.mark.parametrize("form", ["pem", "xfcc"])
def test_spaces_in_a_certificate_hold_nobody_up(form: str):
    """A pattern that can fit them in several ways would not come to its end in hours."""
    reader = ClientCertificates(header="x-cert", form=form)
    spaces = "-----BEGIN CERTIFICATE-----" + " " * 16_000
    for value in (spaces + "!", spaces + "-----END CERTIFICATE-----", " " * 16_000):
        wrapped = f'Cert="{value}"' if form == "xfcc" else value
        assert reader.binding_in([wrapped]) is None


@pytest.mark.parametrize(
    "query", [b"access_token=x", b"a=&%61ccess_token=x", b"a=1&access%5Ftoken="]
)
def test_a_token_in_the_url_is_seen_however_it_is_written(query: bytes):
    assert has_token_in_query(query)
    assert not has_token_in_query(query.replace(b"oken", b"ok"))


ALPHABET = st.sampled_from(
    [*"access_token", *"=&%+;ATn", *(f"%{ord(c):02x}" for c in "access_token"), "%5F", "%6B", "%6b"]
)
NAMES = st.builds(
    "".join, st.tuples(*(st.sampled_from([c, f"%{ord(c):02X}"]) for c in "access_token"))
)


@given(st.lists(st.one_of(NAMES, ALPHABET, st.sampled_from(["=", "&"])), max_size=12).map("".join))
def test_a_token_in_the_url_is_seen_where_frameworks_see_one(query: str):
    pairs = parse_qsl(query, keep_blank_values=True)
    is_there = "=" in query and "access_token" in [name for name, _ in pairs]
    assert has_token_in_query(query.encode()) is is_there


def test_a_long_query_of_a_stranger_is_not_taken_apart():
    """It comes before any token: what it costs, anybody can have us pay."""
    query = b"&".join([b"%61=%61"] * 8_000)
    tracemalloc.start()
    assert not has_token_in_query(query)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000


def test_a_check_against_forgery_that_nobody_waits_for_is_none(desk: Desk):
    """A coroutine is true. So is whatever else a check may give by mistake."""

    async def later(asked: Request, value: str) -> bool:
        return False

    with pytest.raises(ValueError, match="plain function"):
        Sessions(cookie="sid", look_up=lambda _: None, csrf=later)
    ada = SignedIn(subject="ada", scopes=())
    for answer, reason in ((True, None), ("no", Reason.FORGED_REQUEST), (1, Reason.FORGED_REQUEST)):
        sessions = Sessions(cookie="sid", look_up={"s": ada}.get, csrf=lambda *_, a=answer: a)
        asked = request(method="POST", cookie="sid=s")
        assert refused(desk.gate(web=Web(sessions=sessions)), asked) is reason


class Later:
    async def examine(self, presented: Presented) -> None:
        raise Rejected(Reason.NOT_PERMITTED)


class Says:
    def examine(self, presented: Presented) -> bool:
        return False


def test_a_demand_that_nobody_waits_for_is_none_and_says_so(desk: Desk):
    with pytest.raises(TypeError, match="examine must be a plain function"):
        demands_of(Later())


@pytest.mark.parametrize("said", [True, False])
def test_a_demand_that_answers_instead_of_refusing_lets_nobody_pass(desk: Desk, said: bool):
    """Whoever writes ``return False`` means a refusal."""
    demand = Says() if not said else MaxAge(5)
    asked = request(token=desk.token())
    if said:
        assert refused(desk.gate(), asked, demand) is None
    else:
        with pytest.raises(TypeError, match="must raise Rejected"):
            refused(desk.gate(), asked, demand)


def test_a_class_of_sign_in_is_no_piece_of_a_text():
    """``"u" in "urn:mfa"`` is true."""
    with pytest.raises(ValueError, match="tuple"):
        StepUp(acr="urn:mfa")


@pytest.mark.parametrize("make", [MaxAge, HeardWithin])
def test_a_time_that_is_no_number_is_none(make: Callable[[float], object]):
    with pytest.raises(ValueError, match="more than 0"):
        make(float("nan"))


@pytest.mark.parametrize("number", [LONGEST, -LONGEST], ids=["great", "small"])
@pytest.mark.parametrize("claim", ["iat", "exp", "nbf", "auth_time"])
def test_a_number_without_measure_is_refused_and_breaks_nothing(
    desk: Desk, claim: str, number: int
):
    """A hostile issuer among several may write what it likes, but must not be able to raise."""
    asked = request(token=desk.token(**{claim: number}))
    for gate in (desk.gate(max_age=60.5), desk.gate()):
        refused(gate, asked, MaxAge(5.5), StepUp(max_age=5))
    assert refused(desk.gate(), asked, MaxAge(5.5), StepUp(max_age=5)) is not None


@pytest.mark.parametrize("number", [LONGEST, -LONGEST], ids=["great", "small"])
def test_an_origin_without_measure_is_refused_and_breaks_nothing(desk: Desk, number: int):
    """Nor may it raise with when the tokens were issued that a token was exchanged for."""
    parent = ("t0", "c0", 0, ISSUER, 0, "k", number)
    asked = request(token=desk.token(parents=[parent]))
    for gate in (desk.gate(max_age=60), desk.gate(max_age=60.5), desk.gate()):
        assert refused(gate, asked) is Reason.MALFORMED


@pytest.mark.parametrize("changes", [{"gen": (LONGEST, 0)}, {"acr": LONGEST}], ids=["gen", "acr"])
def test_what_no_ticket_can_hold_gives_none_and_breaks_nothing(
    desk: Desk, changes: dict[str, object]
):
    """MessagePack has a greatest number."""
    gate = desk.gate(tickets=Tickets(keys=(bytes(32),)))
    asked = request("/tickets", method="POST", token=desk.token(**changes))
    admission = gate.admit_blocking(asked, demands_of())
    assert gate.ticket(asked, admission, b'{"url": "/files/7"}').status == 400


def test_another_issuers_user_of_the_same_name_is_another(desk: Desk):
    """Who may name users at one issuer could name himself after one of another."""
    own = OwnPath("/users/{id}", issuer="https://people.example")
    asked = request("/users/u1", token=desk.token())
    assert refused(desk.gate(), asked, own) is Reason.ANOTHER_USER
    assert refused(desk.gate(), asked, OwnPath("/users/{id}", issuer=ISSUER)) is None


def test_a_session_of_the_api_itself_has_no_issuer(gate: Gate):
    asked = request("/users/ada", cookie="__Host-sid=s-ada")
    assert refused(gate, asked, OwnPath("/users/{id}", issuer=ISSUER)) is None
    assert refused(gate, asked, Bound()) is Reason.UNBOUND


def test_a_strange_issuers_words_forge_no_line(caplog: pytest.LogCaptureFixture):
    """The address of a status list stands in its tokens, and in the detail for the operator."""
    caplog.set_level(logging.INFO, "counterfoil")
    for hostile in ("a\nWARNING root: all is well", "\x1b[2J", "a\u2028b", "a\x85b"):
        log_refusal(Rejected(Reason.STALE, detail=f"the list {hostile}"), secrets.token_bytes)
    assert all(line.isprintable() for line in caplog.messages)
    lists = StatusLists(Issuer("https://id.example", revocation="status_list"))
    for uri in ("https://id.example/a\nb", "https://id.example/a b", "https://id.example/ä"):
        with pytest.raises(Rejected) as caught:
            lists.reference_in({"status": {"status_list": {"idx": 1, "uri": uri}}})
        assert caught.value.reason is Reason.MALFORMED


URI = "https://id.example/lists/1"


def list_of(bits: int, **changes: object) -> StatusListToken:
    claims = {"sub": URI, "iat": int(NOW), "status_list": StatusList(compressed(bytes([bits])))}
    return StatusListToken(**(claims | changes))


def test_an_old_list_never_takes_the_place_of_a_newer_one():
    """A cache, or whoever sits at it, cannot raise the dead by what the issuer signed before."""
    lists = StatusLists(Issuer("https://id.example", revocation="status_list"))
    lists.take(URI, list_of(1), NOW)
    for older in (list_of(0, iat=int(NOW) - 1), list_of(0, iat=-LONGEST)):
        with pytest.raises(WrongStatusList, match="older"):
            lists.take(URI, older, NOW + 5)
    held = lists.find(URI)
    assert held is not None
    assert held.bits == b"\x01"
    lists.take(URI, list_of(0), NOW + 5)  # the same second may have brought something new


def test_a_list_of_the_future_holds_back_no_later_one():
    lists = StatusLists(Issuer("https://id.example", revocation="status_list"))
    with pytest.raises(WrongStatusList, match="future"):
        lists.take(URI, list_of(0, iat=int(NOW) + 3600), NOW)


@pytest.mark.parametrize(
    "changes",
    [{"ttl": LONGEST}, {"ttl": -LONGEST}, {"exp": LONGEST}],
    ids=["ttl", "negative", "exp"],
)
def test_a_list_with_numbers_without_measure_breaks_nothing(changes: dict[str, int]):
    lists = StatusLists(Issuer("https://id.example", revocation="status_list"))
    lists.take(URI, list_of(0, **changes), NOW)
    held = lists.find(URI)
    assert held is not None
    assert NOW < held.good_until <= NOW + 86400
