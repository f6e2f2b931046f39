"""Requests as whoever likes sends them, to a gate with all that it can have; tickets; URLs."""

import json
from contextlib import suppress

import msgspec

from counterfoil.guard import (
    ClientCertificates,
    Cors,
    Proofs,
    Rejected,
    ResourceMetadata,
    Scopes,
    Sessions,
    SignedIn,
    Tickets,
    asgi,
    wsgi,
)
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.guard.transport import has_token_in_query
from counterfoil.guard.web import Web
from counterfoil.oauth.canonical_url import UrlRefused, canonical, canonical_text
from counterfoil.oauth.receipts import at_least_from
from counterfoil.oauth.signed_ticket import TYPE
from counterfoil.oauth.ticket import PREFIX, Opener, digest_of, sealed, tickets_in
from tests.guard.desk import NOW
from tests.guard.issuer import AUDIENCE
from tests.proofs import spelled
from tests.thrown.pieces import Pieces, written
from tests.thrown.tokens import CLAIMS, DESK, GENUINE, SAID, signed

KEY = b"k" * 32
OPENER = Opener((KEY,), AUDIENCE.encode())
FILE = f"{AUDIENCE}/files/7"
NAMES = (
    b"authorization", b"dpop", b"cookie", b"host", b"forwarded", b"x-forwarded-for",
    b"x-forwarded-proto", b"x-forwarded-host", b"client-cert", b"origin", b"sec-fetch-site",
    b"upgrade", b"access-control-request-method", b"access-control-request-headers",
    b"counterfoil-at-least", b"x-http-method-override", b"x-request-id", b"range",
)  # fmt: skip
PEERS = ("", "127.0.0.1", "10.0.0.9", "203.0.113.9", "::1", "unix", "::ffff:10.0.0.9")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "get", "CONNECT", "")
SCHEMES = ("http", "https", "ws", "wss", "", "HTTPS", "file")


def all_that_it_can_have() -> Gate:
    def look_up(value: str) -> SignedIn | None:
        return SignedIn(subject="u9", scopes=("notes:read",)) if value == "known" else None

    return DESK.gate(
        proofs=Proofs(),
        tickets=Tickets(keys=(KEY,), by_issuer=True),
        web=Web(
            cors=Cors(origins=("https://app.example",), credentials=True),
            metadata=ResourceMetadata(),
            certificates=ClientCertificates(),
            browser_cookie="__Host-b",
            sessions=Sessions(cookie="s", look_up=look_up),
        ),
    )


GATE = all_that_it_can_have()
READING = demands_of(Scopes(("notes:read",)))


def a_request(pieces: Pieces) -> Request:
    headers = [(pieces.one_of(NAMES), pieces.piece()) for _ in range(pieces.number(7))]
    if pieces.number(2):
        headers.append((b"authorization", f"Bearer {GENUINE}".encode()))
    method, scheme, peer = (pieces.one_of(each) for each in (METHODS, SCHEMES, PEERS))
    return Request(method, scheme, peer, pieces.text(), pieces.piece(), headers)


def requests(pieces: Pieces) -> None:
    """Whatever is asked is let pass for a reason, or refused in words that a header can hold."""
    request = a_request(pieces)
    has_token_in_query(request.query)
    reply = GATE.answer(request)
    if reply is not None:
        demand_sayable(reply.headers)
    try:
        token = GATE.admit_blocking(request, READING)
    except Rejected as rejected:
        refusal = GATE.refusal(rejected, request)
        assert refusal.status in (400, 401, 403, 503), refusal.status
        demand_sayable(refusal.headers)
        said = f"{refusal.headers}{refusal.body!r}{rejected!r}"
        assert GENUINE not in said
        assert json.loads(refusal.body)["error"]
        return
    demand_sayable(GATE.further_headers(request, lambda _: None))
    assert token.subject in ("u1", "u9")
    is_https = request.scheme in ("https", "wss") or request.peer not in PEERS[3:4]
    assert is_https or token.by_ticket, "a stranger on plain http"


def demand_sayable(headers: object) -> None:
    for name, value in dict(headers).items():  # type: ignore[call-overload]
        assert name == name.lower()
        assert value.isascii(), (name, value)
        assert value.isprintable(), (name, value)


def transport(pieces: Pieces) -> None:
    """A proxy is believed only where it was named; the answers of all readers are of one mind."""
    request = a_request(pieces)
    transport = GATE._transport
    transport.place_of(request)
    transport.url_of(request)
    names = {name for name, _ in request.headers}
    if transport.is_safe(request) and request.scheme not in ("https", "wss"):
        assert request.peer != "203.0.113.9", "a stranger on plain http"
        assert request.peer != "::ffff:10.0.0.9" or b"forwarded" in names or names, "unnamed"
    try:
        at_least_from(request.values(b"counterfoil-at-least"))
    except ValueError:
        return


def environs(pieces: Pieces) -> None:
    """What servers make of a request line: a path is found in it, or none."""
    kind, line = pieces.number(2), pieces.text()
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/notes",
        "QUERY_STRING": "",
    }
    environ |= {"RAW_URI": line} if kind else {"PATH_INFO": line}
    environ |= {"HTTP_COOKIE": "s=known", "HTTP_HOST": pieces.text(), "wsgi.url_scheme": "http"}
    request = wsgi.request_of(environ)
    scope = {"type": "http", "path": line, "raw_path": line.encode("latin-1"), "headers": []}
    for read in (request, asgi.request_of(scope), asgi.request_of(scope | {"raw_path": None})):
        with suppress(Rejected):
            assert not GATE.admit_blocking(read, READING), "there is no token"


def given_tickets(pieces: Pieces) -> None:
    """Whatever is asked for: a ticket that is given opens its own URL, and says nothing new."""
    post = Request("POST", "https", "192.0.2.7", "/tickets", b"", [(b"host", b"notes.example")])
    token = DESK.guard.check(GENUINE)
    if pieces.number(2):
        body = pieces.rest()
    else:
        said = {"url": pieces.json(), "headers": pieces.json(), "once": pieces.json()}
        body = json.dumps({name: each for name, each in said.items() if each != ""}).encode()
    reply = GATE.ticket(post, token, body)
    demand_sayable(reply.headers)
    answer = json.loads(reply.body)
    if reply.status == 400:
        assert answer["error"] == "invalid_request"
        return
    url = canonical(answer["url"])
    assert url.origin == "https://notes.example"
    wanted = msgspec.json.decode(body)
    headers = [
        (name.lower().encode(), text.encode()) for name, text in wanted.get("headers", {}).items()
    ]
    query = answer["url"].partition("?")[2].encode()
    get = Request(
        "GET", "https", "192.0.2.7", url.path, query, [(b"host", b"notes.example"), *headers]
    )
    assert GATE.admit_blocking(get, READING).by_ticket


def tickets(pieces: Pieces) -> None:
    """Tickets that were signed with this API's key, and say what none would; or with another's."""
    if pieces.number(2):
        text = PREFIX + pieces.piece()
    else:
        plain = OPENER.opened(GIVEN)
        said: dict[str, object] = {}
        for _ in range(pieces.number(4)):
            name = pieces.one_of(plain.__struct_fields__)
            said[name] = pieces.json() if pieces.number(2) else pieces.one_of(SAID)
        try:
            ticket = msgspec.convert(
                msgspec.to_builtins(plain, builtin_types=(bytes,)), type(plain)
            )
            fields = [said.get(name, getattr(ticket, name)) for name in plain.__struct_fields__]
            text = sealed(type(plain)(*fields), KEY, AUDIENCE.encode()).encode()
        except (OverflowError, UnicodeEncodeError, ValueError):
            return  # it cannot be written
    get = Request(
        "GET", "https", "192.0.2.7", "/files/7", b"ticket=" + text + pieces.piece(),
        [(b"host", b"notes.example")],
    )  # fmt: skip
    let_pass(get)


def signed_tickets(pieces: Pieces) -> None:
    """Those that an issuer has signed, and says of them what it likes."""
    request = spelled(digest_of(FILE, []))
    said: dict[str, object] = {"exp": int(NOW) + 120, "request": request}
    for _ in range(pieces.number(4)):
        name = pieces.one_of((*CLAIMS, "request", "headers", "once"))
        said[name] = pieces.json() if pieces.number(2) else pieces.one_of(SAID)
    text = signed(pieces.one_of((TYPE, TYPE, "at+jwt")), DESK.claims() | said).encode()
    query = b"ticket=" + text
    let_pass(Request("GET", "https", "192.0.2.7", "/files/7", query, [(b"host", b"notes.example")]))


def let_pass(get: Request) -> None:
    try:
        token = GATE.admit_blocking(get, READING)
    except Rejected as rejected:
        demand_sayable(GATE.refusal(rejected, get).headers)
        return
    assert token.by_ticket
    assert len(tickets_in(get.query)) == 1
    assert token.family != "dead"
    assert token.expires_at > NOW - 120


def urls(pieces: Pieces) -> None:
    """A URL in its one form stays as it is, and both ways to it lead to the same."""
    text = pieces.one_of(("", "https://notes.example", "http://[::1]:80", FILE)) + pieces.text()
    try:
        url = canonical(text)
    except UrlRefused as error:
        said = str(error)
        assert len(text) < 20 or text not in said, "the reason shows the URL"
        return
    assert str(canonical(str(url))) == str(url) == canonical_text(text)
    assert url.path.startswith("/")
    assert "//" not in url.path
    assert not {".", ".."} & set(url.path.split("/"))


def _given() -> bytes:
    post = Request("POST", "https", "192.0.2.7", "/tickets", b"", [(b"host", b"notes.example")])
    reply = GATE.ticket(post, DESK.guard.check(GENUINE), b'{"url":"/files/7"}')
    return str(json.loads(reply.body)["ticket"]).encode()


GIVEN = _given()
SEEDS = {
    requests: [
        written(1, 0, f"DPoP {GENUINE}", 0, 0, 1, 3, "/notes", ""),
        written(2, 2, "s=known", 3, "notes.example", 0, 0, 1, 3, "/notes", ""),
        written(1, 3, "notes.example", 1, 0, 1, 3, "/notes", "a=b"),
        written(3, 9, "https://app.example", 12, "PUT", 13, "x-own", 0, 2, 1, 3, "/", ""),
        written(2, 3, "notes.example", 14, "e1:7", 1, 0, 1, 3, "/notes", ""),
    ],
    transport: [
        written(1, 6, "https", 0, 0, 0, 2, "/", ""),
        written(1, 4, "for=1.2.3.4;proto=https;host=a", 0, 0, 0, 2, "/", ""),
        written(2, 5, "1.2.3.4, 10.0.0.1", 7, "a.example", 0, 0, 0, 2, "/", ""),
    ],
    environs: [
        written(1, "/a%20b?c", 0),
        written(1, "http://notes.example/a", 0),
        written(0, "/\xe9", 0),
    ],
    given_tickets: [
        written(1) + b'{"url":"/a?b=c&d","headers":{"accept":"x"},"once":true}',
        written(0, '"/files/7"', '{"accept":"image/png"}', "true"),
        written(0, '"https://notes.example/%7Ea;b"', "{}", "false"),
    ],
    tickets: [written(0, 0, ""), written(0, 1, 3, 1, '"n"', ""), written(1, GIVEN[5:], "&a=b")],
    signed_tickets: [
        written(0, 0),
        written(1, 29, 1, "true", 0),
        written(1, 28, 1, '["accept"]', 0),
    ],
    urls: [
        written(1, "/a/b?c=d&a=%7E+x"),
        written(0, "HTTP://A.Example:080/%7e/./b"),
        written(2, "/x;y=1/%2541"),
        written(3, "?ticket=x&b"),
    ],
}
