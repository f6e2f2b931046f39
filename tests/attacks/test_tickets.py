"""A ticket in the hands of whoever finds the URL, and tickets that nobody has given."""

import json
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard import (
    Guard,
    Issuer,
    MaxAge,
    Options,
    Proofs,
    Rejected,
    Tickets,
    TokenProfile,
)
from counterfoil.guard.demands import Bound, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.guard.web import Web
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.binding import COOKIE, thumbprint_of
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from counterfoil.oauth.ticket import BadTicket, Opener, Ticket, sealed
from counterfoil.oauth.url_binding import TYPE
from tests.guard.desk import ISSUER, Desk, request

pytestmark = pytest.mark.one_engine("no server of ours is there")
KEY, OTHER = b"k" * 32, b"o" * 32
POLICY = Tickets(keys=(KEY,))
OVERRIDES = ("x_http_method_override", "x_http_method", "x_method_override")


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return desk.gate(tickets=POLICY)


def asked(gate: Gate, token: str, **body: Any) -> Any:
    """The whole way: a POST with a bearer token, whose answer holds the ticket."""
    post = request("/tickets", method="POST", token=token)
    let_pass = gate.admit_blocking(post)
    reply = gate.ticket(post, let_pass, json.dumps(body).encode())
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    return reply.status, json.loads(reply.body)


def ticket(gate: Gate, desk: Desk, url: str = "/files/7", **body: Any) -> str:
    changes = body.pop("token", {})
    status, answer = asked(gate, desk.token(**changes), url=url, **body)
    assert status == 200, answer
    return str(answer["ticket"])


def using(text: str, path: str = "/files/7", **changes: Any) -> Request:
    return request(f"{path}{'&' if '?' in path else '?'}ticket={text}", **changes)


def reason(gate: Gate, request: Request, *demands: Any) -> Reason | None:
    try:
        gate.admit_blocking(request, demands_of(*demands))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_it_opens_its_own_url_for_five_minutes(desk: Desk, gate: Gate):
    """S73: as often as it is asked for, in parts (`Range`) and by HEAD, and then no more."""
    text = ticket(gate, desk)
    for _ in range(3):
        assert gate.admit_blocking(using(text)).subject == "u1"
    assert reason(gate, using(text, method="HEAD")) is None
    assert reason(gate, using(text, range="bytes=5-9")) is None
    desk.clock.now += 299
    desk.state.notices.fresh_at = desk.clock.now
    assert reason(gate, using(text)) is None
    desk.clock.now += 1
    assert reason(gate, using(text)) is Reason.EXPIRED


def test_the_ticket_stands_anywhere_in_the_query(desk: Desk, gate: Gate):
    text = ticket(gate, desk, "/files/7?b=2&a=1")
    for path in (f"?ticket={text}&a=1&b=2", f"?b=2&ticket={text}&a=1", f"?a=1&b=2&ticket={text}"):
        assert reason(gate, request(f"/files/7{path}")) is None


def test_it_is_moved_to_no_other_request(desk: Desk, gate: Gate):
    """S73: another path, query, host, scheme, port; another method."""
    text = ticket(gate, desk, "/files/7?a=1")
    assert reason(gate, using(text, "/files/7?a=1")) is None
    for path in (
        "/files/8?a=1",
        "/files/7",
        "/files/7?a=2",
        "/files/7?a=1&a=1",
        "/files/7?a=1&b=1",
        "/files/7/?a=1",
        "/files/x/../7?a=1",
        "/files//7?a=1",
        "/FILES/7?a=1",
        "/files%2f7?a=1",
    ):
        assert reason(gate, using(text, path)) is Reason.WRONG_TARGET, path
    for host in ("evil.example", "notes.example:8443", "notes.example."):
        assert reason(gate, using(text, "/files/7?a=1", host=host)) is Reason.WRONG_TARGET
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"):
        moved = using(text, "/files/7?a=1", method=method)
        assert reason(gate, moved) is Reason.WRONG_TARGET, method


def test_the_same_url_in_another_spelling_is_the_same(desk: Desk, gate: Gate):
    text = ticket(gate, desk, "https://NOTES.example:443/files/a%20b?q=x+y")
    for path in ("/files/a%20b?q=x+y", "/%66iles/a%20b?q=x%20y", "/files/a%20b?&q=%78+y&"):
        assert reason(gate, using(text, path)) is None, path


@pytest.mark.parametrize("header", OVERRIDES)
def test_it_becomes_no_other_method_on_its_way(desk: Desk, gate: Gate, header: str):
    """Middlewares behind the guard make a DELETE of a GET that says so; none names GET twice."""
    text = ticket(gate, desk)
    for method in ("DELETE", "delete", "POST, GET", ""):
        assert reason(gate, using(text, **{header: method})) is Reason.WRONG_TARGET, method
    assert reason(gate, using(text, **{header: "GET"})) is None


def test_a_header_that_it_covers_must_be_there_once_and_the_same(desk: Desk, gate: Gate):
    text = ticket(gate, desk, headers={"Accept-Language": "de", "x-part": "2"})
    right = {"accept_language": "de", "x_part": "2"}
    assert reason(gate, using(text, **right)) is None
    assert reason(gate, using(text)) is Reason.WRONG_TARGET
    assert reason(gate, using(text, accept_language="de")) is Reason.WRONG_TARGET
    assert reason(gate, using(text, **right | {"x_part": "3"})) is Reason.WRONG_TARGET
    whole = using(text, **right)
    headers = [*whole.headers, (b"x-part", b"2")]
    twice = Request("GET", "https", "192.0.2.7", whole.path, whole.query, headers)
    assert reason(gate, twice) is Reason.WRONG_TARGET


@pytest.mark.parametrize("how", ["token", "family", "client", "api", "key"])
def test_what_ends_its_parent_ends_it(desk: Desk, gate: Gate, how: str):
    """S73."""
    text = ticket(gate, desk)
    assert reason(gate, using(text)) is None
    match how:
        case "token":
            desk.end(Ended.TOKEN, "t1")
        case "family":
            desk.end(Ended.FAMILY, "f1")
        case "client":
            desk.end(Ended.CLIENT, "c1", 1)
        case "api":
            desk.end(Ended.API, "https://notes.example", 1)
        case "key":
            desk.end(Ended.KEY, desk.key.public.kid)
    ended = Reason.KEY_RETIRED if how == "key" else Reason.REVOKED
    assert reason(gate, using(text)) is ended


def test_it_never_outlives_its_parent(desk: Desk, gate: Gate):
    """S73."""
    text = ticket(gate, desk, token={"exp": int(desk.clock.now) + 60})
    young = desk.gate(tickets=POLICY, max_age=40)
    shorter = ticket(young, desk)
    desk.clock.now += 40
    desk.state.notices.fresh_at = desk.clock.now
    assert reason(gate, using(text)) is None
    assert reason(young, using(shorter)) is Reason.EXPIRED
    desk.clock.now += 20
    assert reason(gate, using(text)) is Reason.EXPIRED


def test_the_age_of_its_parent_counts(desk: Desk, gate: Gate):
    text = ticket(gate, desk, token={"iat": int(desk.clock.now) - 100})
    assert reason(gate, using(text), MaxAge(90)) is Reason.TOO_OLD
    assert reason(gate, using(text), MaxAge(120)) is None


def test_it_may_no_more_than_its_parent(desk: Desk, gate: Gate):
    text = ticket(gate, desk, token={"scope": "notes:read"})
    assert reason(gate, using(text), "notes:read") is None
    assert reason(gate, using(text), "notes:write") is Reason.INSUFFICIENT_SCOPE


def test_it_may_no_more_where_another_claim_holds_the_scopes():
    """The configuration says which claim counts: what else the token holds is no permission."""
    profile = TokenProfile(scope="scp")
    desk = Desk(Issuer(ISSUER, revocation="none", profile=profile))
    gate = desk.gate(tickets=POLICY)
    text = ticket(gate, desk, token={"scp": ["notes:read"], "scope": "notes:write"})
    assert reason(gate, using(text), "notes:read") is None
    assert reason(gate, using(text), "notes:write") is Reason.INSUFFICIENT_SCOPE


def test_it_is_refused_when_the_key_of_its_parent_is_published_no_more():
    """An issuer without our feed takes a key back by leaving it out."""
    desk = Desk(Issuer(ISSUER, revocation="none"))
    gate = desk.gate(tickets=POLICY)
    token = desk.token()
    text = ticket(gate, desk)
    desk.publish(desk.key, PrivateKey.generate("ES256"))
    assert reason(gate, using(text)) is None
    desk.publish(PrivateKey.generate("ES256"))
    assert reason(gate, request("/files/7", token=token)) is Reason.UNKNOWN_KEY
    assert reason(gate, using(text)) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("scopes", [20, 80, 90, 100, 110, 120, 300])
def test_what_is_given_is_taken(desk: Desk, gate: Gate, scopes: int):
    """A token with so many scopes that no ticket holds them gives none, and says so."""
    scope = " ".join(f"notes:of:{n:06}" for n in range(scopes))
    status, answer = asked(gate, desk.token(scope=scope), url="/files/7")
    if status == 200:
        assert reason(gate, using(answer["ticket"]), f"notes:of:{scopes - 1:06}") is None
    else:
        assert (status, scopes > 80) == (400, True)
        assert "too long" in answer["error_description"]


def test_it_gives_no_further_ticket(desk: Desk, gate: Gate):
    """Else it would live on for ever."""
    let_pass = gate.admit_blocking(using(ticket(gate, desk)))
    with pytest.raises(Rejected) as refused:
        gate.ticket(request("/tickets", method="POST"), let_pass, b'{"url": "/files/8"}')
    assert refused.value.reason is Reason.NOT_PERMITTED


def test_a_token_that_is_bound_to_a_url_gives_none(desk: Desk, gate: Gate):
    claim = {"methods": ["POST"], "url": "https://notes.example/tickets"}
    with pytest.raises(Rejected) as refused:
        asked(gate, desk.token(typ=TYPE, url_bound=claim), url="/files/7")
    assert refused.value.reason is Reason.NOT_PERMITTED


def test_a_token_with_limits_that_no_ticket_holds_gives_none(desk: Desk, gate: Gate):
    """RFC 9396: a payment of so much is no permission to pay."""
    details = [{"type": "payment", "amount": 5}]
    with pytest.raises(Rejected) as refused:
        asked(gate, desk.token(authorization_details=details), url="/files/7")
    assert refused.value.reason is Reason.NOT_PERMITTED


def test_once_is_once(desk: Desk, gate: Gate):
    """In this process; the handbook says what that does not cover."""
    text, other = ticket(gate, desk, once=True), ticket(gate, desk, once=True)
    assert text != other
    assert reason(gate, using(text), "notes:none") is Reason.INSUFFICIENT_SCOPE
    assert reason(gate, using(text)) is None
    assert reason(gate, using(text)) is Reason.USED_UP
    assert reason(gate, using(text, method="HEAD")) is Reason.USED_UP
    assert reason(gate, using(other)) is None


def test_a_memory_that_is_full_forgets_nothing_that_still_counts(desk: Desk):
    gate = desk.gate(tickets=Tickets(keys=(KEY,), remembered=1))
    first, second = ticket(gate, desk, once=True), ticket(gate, desk, once=True)
    assert reason(gate, using(first)) is None
    assert reason(gate, using(second)) is Reason.STALE
    assert reason(gate, using(first)) is Reason.USED_UP
    assert reason(gate, using(ticket(gate, desk))) is None
    desk.clock.now += 301
    desk.state.notices.fresh_at = desk.clock.now
    assert reason(gate, using(ticket(gate, desk, once=True))) is None


def test_one_user_fills_no_memory_for_the_others(desk: Desk):
    """And has their own part again when what they used is over."""
    gate = desk.gate(tickets=Tickets(keys=(KEY,), remembered=20))

    def used(sub: str, jti: str) -> Reason | None:
        return reason(gate, using(ticket(gate, desk, once=True, token={"sub": sub, "jti": jti})))

    for _ in range(2):
        assert [used("mallory", "t3"), used("mallory", "t4")] == [None, None]
        assert used("mallory", "t5") is Reason.STALE
        assert used("ada", "t6") is None
        desk.clock.now += 301
        desk.state.notices.fresh_at = desk.clock.now


def test_no_other_key_and_no_other_api_signs_it(desk: Desk, gate: Gate):
    forged = ticket(desk.gate(tickets=Tickets(keys=(OTHER,))), desk)
    assert reason(gate, using(forged)) is Reason.BAD_SIGNATURE
    options = Options(clock=desk.clock, tickets=POLICY)
    with Guard.beside(desk.state, audience="https://ledger.example", options=options) as ledger:
        assert reason(Gate(ledger), using(ticket(gate, desk))) is Reason.BAD_SIGNATURE


def test_keys_are_turned_without_a_gap(desk: Desk, gate: Gate):
    old = ticket(gate, desk)
    both = desk.gate(tickets=Tickets(keys=(OTHER, KEY)))
    new = ticket(both, desk)
    assert reason(both, using(old)) is None
    assert reason(both, using(new)) is None
    after = desk.gate(tickets=Tickets(keys=(OTHER,)))
    assert reason(after, using(new)) is None
    assert reason(after, using(old)) is Reason.BAD_SIGNATURE


def test_not_a_bit_of_it_can_be_changed(desk: Desk, gate: Gate):
    """Widened, extended, given to another user: all of it is signed."""
    text = ticket(gate, desk)
    prefix, _, encoded = text.partition("_")
    body = bytearray(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    for at in range(len(body)):
        changed = bytes(body[:at]) + bytes([body[at] ^ 1]) + bytes(body[at + 1 :])
        spelled = urlsafe_b64encode(changed).decode().rstrip("=")
        assert reason(gate, using(f"{prefix}_{spelled}")) is Reason.BAD_SIGNATURE, at


def test_cut_or_lengthened_it_is_none(desk: Desk, gate: Gate):
    text = ticket(gate, desk)
    for cut in (text[:-1], text[:-4], text[: len(text) // 2], "cftk_", "cftk_AAAA", text + "A"):
        assert reason(gate, using(cut)) in {Reason.BAD_SIGNATURE, Reason.MALFORMED}, cut
    for wrong in (text + "=", text + ".", text + "%00", "cftk_" + "A" * 5000, "cftk_é"):
        assert reason(gate, using(wrong)) in {Reason.BAD_SIGNATURE, Reason.MALFORMED}, wrong


@given(st.text(max_size=60))
def test_whatever_somebody_writes_is_refused(text: str):
    desk = Desk()
    gate = desk.gate(tickets=POLICY)
    query = b"ticket=" + text.encode("utf-8", "surrogatepass")
    sent = Request("GET", "https", "192.0.2.7", "/files/7", query, [(b"host", b"notes.example")])
    assert reason(gate, sent) in {Reason.MALFORMED, Reason.WRONG_TYPE, Reason.BAD_SIGNATURE}


def test_two_tickets_or_a_token_beside_it_are_refused(desk: Desk, gate: Gate):
    text = ticket(gate, desk)
    assert reason(gate, request(f"/files/7?ticket={text}&ticket={text}")) is Reason.MALFORMED
    assert reason(gate, using(text, token=desk.token())) is Reason.MALFORMED
    assert reason(gate, using(text + f"&access_token={desk.token()}")) is Reason.TOKEN_IN_QUERY


def test_kinds_do_not_stand_in_for_each_other(desk: Desk, gate: Gate):
    """S75: a ticket is no bearer token, and a token is no ticket."""
    text = ticket(gate, desk)
    assert reason(gate, request("/files/7", token=text)) is Reason.MALFORMED
    assert reason(gate, using(desk.token())) is Reason.WRONG_TYPE
    other_spelling = request(f"/files/7?%74icket={text}")
    assert reason(gate, other_spelling) is Reason.MISSING


def test_an_api_without_tickets_takes_none(desk: Desk, gate: Gate):
    assert reason(desk.gate(), using(ticket(gate, desk))) is Reason.MISSING
    assert reason(desk.gate(), using("7", token=desk.token())) is None
    with pytest.raises(TypeError, match="gives no tickets"):
        desk.gate().ticket(request(), gate.admit_blocking(request(token=desk.token())), b"{}")


def test_over_plain_http_it_is_refused(desk: Desk, gate: Gate):
    sent = using(ticket(gate, desk), scheme="http")
    assert reason(gate, sent) is Reason.INSECURE_TRANSPORT


def test_a_guard_that_is_stale_refuses_it(desk: Desk, gate: Gate):
    text = ticket(gate, desk)
    desk.clock.now += 31
    assert reason(gate, using(text)) is Reason.STALE
    desk.state.notices.fresh_at = desk.clock.now
    assert reason(gate, using(text)) is None
    assert reason(gate, using(text, counterfoil_at_least="e1:99")) is Reason.STALE


def test_a_proxy_that_rewrites_paths_is_reckoned_with(desk: Desk):
    gate = desk.gate(tickets=POLICY, proofs=Proofs(public_url="https://notes.example/v1"))
    text = ticket(gate, desk, "/v1/files/7")
    assert reason(gate, using(text, "/files/7", host="inner:8000")) is None
    assert reason(gate, using(text, "/v1/files/7")) is Reason.WRONG_TARGET
    plain = desk.gate(tickets=POLICY)
    forwarded = using(text, "/v1/files/7", host="inner", x_forwarded_host="notes.example")
    assert reason(plain, forwarded) is Reason.WRONG_TARGET


def test_another_browser_has_no_use_for_it(desk: Desk):
    """S61: what a browser proves by itself is demanded of the link, too."""
    gate = desk.gate(tickets=POLICY, web=Web(browser_cookie="__Host-b"))
    cnf = {COOKIE: thumbprint_of(b"mine")}
    post = request("/tickets", method="POST", token=desk.token(cnf=cnf), cookie="__Host-b=mine")
    reply = gate.ticket(post, gate.admit_blocking(post), b'{"url": "/files/7"}')
    text = json.loads(reply.body)["ticket"]
    assert reason(gate, using(text, cookie="__Host-b=mine")) is None
    assert reason(gate, using(text, cookie="__Host-b=theirs")) is Reason.WRONG_BINDING
    assert reason(gate, using(text)) is Reason.WRONG_BINDING


def test_an_endpoint_for_bound_tokens_takes_no_plain_ticket(desk: Desk, gate: Gate):
    assert reason(gate, using(ticket(gate, desk)), Bound()) is Reason.UNBOUND


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 7},
        {"url": "https://evil.example/files/7"},
        {"url": "//evil.example/files/7"},
        {"url": "http://notes.example/files/7"},
        {"url": "/files/../secret"},
        {"url": "/files/7#x"},
        {"url": "/files/7?ticket=cftk_x"},
        {"url": "files/7"},
        {"url": "/" + "a" * 9000},
        {"url": "/" + "a" * 5000},
        {"url": "/files/7", "lifetime": 10**9},
        {"url": "/files/7", "method": "DELETE"},
        {"url": "/files/7", "headers": {"Cookie": "a=b"}},
        {"url": "/files/7", "headers": {"authorization": "x"}},
        {"url": "/files/7", "headers": {"x-a": "b\nx-c:d"}},
        {"url": "/files/7", "headers": {"x-a:b": "c"}},
        {"url": "/files/7", "headers": {"x-a": "1", "X-A": "2"}},
        {"url": "/files/7", "headers": {f"x-{n}": "1" for n in range(9)}},
        {"url": "/files/7", "once": "yes"},
    ],
)
def test_what_is_asked_for_wrongly_is_not_given(desk: Desk, gate: Gate, body: dict[str, Any]):
    status, answer = asked(gate, desk.token(), **body)
    assert (status, answer["error"]) == (400, "invalid_request")
    assert "ticket" not in answer


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b'{"url": "/a", "url": 1}'])
def test_what_is_no_json_object_is_refused(desk: Desk, gate: Gate, body: bytes):
    post = request("/tickets", method="POST", token=desk.token())
    assert gate.ticket(post, gate.admit_blocking(post), body).status == 400


def test_what_it_opens_is_kept_by_nobody_and_handed_on_by_no_link(desk: Desk, gate: Gate):
    sent = using(ticket(gate, desk))
    said = {"cache-control": "public, max-age=600"}
    headers = gate.further_headers(sent, said.get)
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "referrer-policy" not in gate.further_headers(request(), said.get)


def test_no_log_and_no_repr_holds_it(desk: Desk, gate: Gate, caplog: pytest.LogCaptureFixture):
    post = request("/tickets", method="POST", token=desk.token())
    reply = gate.ticket(post, gate.admit_blocking(post), b'{"url": "/files/7"}')
    text = str(json.loads(reply.body)["ticket"])
    assert text not in repr(reply)
    caplog.set_level(logging.DEBUG, "counterfoil")
    with pytest.raises(Rejected) as refused:
        gate.admit_blocking(using(text, "/files/8"))
    refusal = gate.refusal(refused.value, using(text, "/files/8"))
    assert "t1" in caplog.text
    for said in (caplog.text, repr(refusal), repr(using(text)), str(refused.value), repr(POLICY)):
        assert text not in said
        assert "kkkk" not in said


def test_an_issuer_that_is_asked_about_each_token_has_none(desk: Desk):
    """Nobody can be asked about a ticket, and what was ended would not be known."""
    with pytest.raises(ValueError, match="feed of notices"):
        Desk(Issuer(ISSUER, revocation="status_list")).gate(tickets=POLICY)


def test_what_ends_the_parent_of_its_parent_ends_it(desk: Desk, gate: Gate):
    """S73, RFC 8693: of a token that was exchanged, the ticket ends with what that came of."""
    acts = {"sub": "worker"}
    parents = [["t0", "c0", 1, "https://other.example", 1, "k0", int(desk.clock.now)]]
    for kind, name, generation in (
        (Ended.TOKEN, "t0", 0),
        (Ended.CLIENT, "c0", 2),
        (Ended.API, "https://other.example", 2),
        (Ended.KEY, "k0", 0),
    ):
        fresh = Desk()
        own = fresh.gate(tickets=POLICY)
        text = ticket(own, fresh, token={"parents": parents, "act": acts})
        assert own.admit_blocking(using(text)).claims["act"] == acts
        fresh.end(kind, name, generation)
        assert reason(own, using(text)) in (Reason.REVOKED, Reason.KEY_RETIRED), kind


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_the_keys_are_used_as_hmac_says(key: bytes, audience: bytes):
    """RFC 2104: beginning both hashes ahead changes nothing, however long the key is."""
    sent = Ticket(b"r", 1, (), b"", "i", "s", "c", "", "j", "f", (0, 0), "k", 1, None, {})
    assert Opener((key,), audience).opened(sealed(sent, key, audience).encode()) == sent
    with pytest.raises(BadTicket):
        Opener((key + b"x",), audience).opened(sealed(sent, key, audience).encode())


def test_a_parent_that_expires_while_the_app_thinks_gives_none(desk: Desk, gate: Gate):
    """It was let pass, and then a database was slow; or its API takes none so old any more."""
    post = request("/tickets", method="POST", token=desk.token())
    young = desk.gate(tickets=POLICY, max_age=40.5)
    for giver, later in ((young, 40), (gate, 560)):
        token = giver.admit_blocking(post)
        desk.clock.now += later
        desk.state.notices.fresh_at = desk.clock.now
        with pytest.raises(Rejected) as refused:
            giver.ticket(post, token, b'{"url":"/files/7"}')
        assert refused.value.reason is Reason.EXPIRED


@pytest.mark.parametrize("gen", [None, "x", [1], [1, 2, 3], ["1", "2"]])
@pytest.mark.parametrize("parents", [None, "x", [7], [{"jti": 7}]])
def test_what_others_put_where_ours_have_handles_ends_nothing(gen: object, parents: object):
    """An issuer of others, whose tokens have claims of the same names."""
    desk = Desk(Issuer(ISSUER, revocation="none", profile=TokenProfile(scope="scp")))
    gate = desk.gate(tickets=POLICY)
    text = ticket(gate, desk, token={"scp": ["notes:read"], "gen": gen, "parents": parents})
    opened = Opener((KEY,), b"https://notes.example").opened(text.encode())
    assert (opened.gen, opened.parents) == ((0, 0), ())
    assert reason(gate, using(text), "notes:read") is None


def test_a_ticket_of_an_issuer_that_is_trusted_no_more_is_refused(desk: Desk, gate: Gate):
    """Another guard of this API, with the same keys, trusts one more."""
    more = Desk(Issuer("https://other.example"))
    text = ticket(more.gate(tickets=POLICY), more)
    assert reason(gate, using(text)) is Reason.WRONG_ISSUER


def test_before_the_keys_of_its_parent_are_here_it_is_stale(desk: Desk, gate: Gate):
    """Nobody can say whether the key that signed the parent was taken back."""
    text = ticket(gate, desk)
    desk.state.keys.verifier = None
    assert reason(gate, using(text)) is Reason.STALE
