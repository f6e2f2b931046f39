"""Bad input, at every endpoint: the right error with a sentence, never a 500, never a traceback."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from counterfoil.oauth.errors import ERRORS
from counterfoil.server.app import ROUTES
from counterfoil.server.web.server import Caller
from tests.attacks.nonsense import FORM, NAMES, PAIRS, VALUES, requests
from tests.attacks.wire import Answer, Header, Sent, send
from tests.installation import CALLBACK, Installation

pytestmark = pytest.mark.anyio

SAYABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 §5.2
EXAMPLES = 300


def demand_a_fair_answer(route: Any, sent: Sent, answer: Answer) -> None:
    assert answer.status < 500, answer.body
    assert b"Traceback" not in answer.body
    for name, value in answer.headers:
        assert b"\r" not in value
        assert b"\n" not in value
        assert name.lower() != b"access-control-allow-credentials"
        if name.lower() == b"set-cookie" and b"counterfoil_session" in value:
            assert b"Max-Age=0" in value
    if answer.status == 405:
        assert answer.header(b"allow")
    elif answer.status >= 400 and route.caller is Caller.PERSON:
        if not route.path.startswith("/static/"):
            demand_a_page(answer)
    elif answer.status >= 400 and sent.method != "HEAD":
        demand_an_oauth_error(answer)


def demand_a_page(answer: Answer) -> None:
    assert answer.header(b"content-type") == b"text/html; charset=utf-8"
    assert b"frame-ancestors 'none'" in (answer.header(b"content-security-policy") or b"")
    assert answer.header(b"cache-control") == b"no-store"
    assert b"<script" not in answer.body


def demand_an_oauth_error(answer: Answer) -> None:
    assert answer.header(b"content-type") == b"application/json"
    assert answer.header(b"cache-control") == b"no-store"
    told = json.loads(answer.body)
    assert told["error"] in ERRORS
    assert SAYABLE.fullmatch(told["error_description"]), told
    assert told["error_description"].endswith(".")


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(requests())
async def test_nothing_that_is_sent_breaks_an_endpoint(
    site: Installation, asked: tuple[Any, Sent]
) -> None:
    """S109: whatever comes, in whatever method, header, cookie, query and body: never a 500."""
    route, sent = asked
    demand_a_fair_answer(route, sent, await send(site.app, sent))


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["/token", "/introspect", "/revoke"]), PAIRS, st.booleans())
@example("/token", [("grant_type", "refresh_token"), ("refresh_token", "\x00")], True)
async def test_a_client_that_is_known_gets_an_oauth_error_for_nonsense(
    site: Installation, path: str, pairs: list[tuple[str, str]], well_formed: bool
) -> None:
    """Behind the door too: authenticated requests with every parameter spoilt."""
    if well_formed:
        pairs = list(dict(pairs).items())
    kept = [pair for pair in pairs if pair[0] not in {"client_id", "client_secret"}]
    mine = [("client_id", "app"), ("client_secret", site.secrets["app"])]
    body = urlencode(kept + mine, errors="surrogatepass").encode()
    sent = Sent("POST", path, b"", [(b"content-type", FORM)], body)
    route = next(each for each in ROUTES if each.path == path)
    demand_a_fair_answer(route, sent, await send(site.app, sent))


AUTHORIZE = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": CALLBACK,
    "scope": "openid notes:read",
    "code_challenge": "A" * 43,
    "code_challenge_method": "S256",
}


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
@example({"state": "s" * 2048, "nonce": "n" * 2048, "login_hint": "é" * 2048})
@example({"state": "\x01" * 2048, "nonce": "\x01" * 2048, "login_hint": "\x01" * 2048})
async def test_an_authorization_request_ends_on_a_page_or_at_the_app(
    site: Installation, changed: dict[str, str]
) -> None:
    """Every error of the authorization endpoint is a page, or goes to the app that is known."""
    query = urlencode({**AUTHORIZE, **changed}, errors="surrogatepass").encode()
    route = next(each for each in ROUTES if each.path == "/authorize")
    answer = await send(site.app, Sent("GET", "/authorize", query))
    demand_a_fair_answer(route, Sent(), answer)
    if answer.status == 303:
        target = answer.header(b"location") or b""
        assert target.startswith((CALLBACK.encode() + b"?", b"/sign-in?flow="))
        if target.startswith(b"/"):
            page = await send(
                site.app, Sent("GET", "/sign-in", target.partition(b"?")[2], [cookie_of(answer)])
            )
            assert page.status == 200, "a request that was taken can go on"


def cookie_of(answer: Answer) -> Header:
    return b"cookie", (answer.header(b"set-cookie") or b"").partition(b";")[0]


FORMS = {
    "/token": ("grant_type", "code", "code_verifier", "redirect_uri", "refresh_token", "scope",
               "client_id", "client_secret"),
    "/introspect": ("token", "token_type_hint", "client_id", "client_secret"),
    "/revoke": ("token", "token_type_hint", "client_id", "client_secret"),
    "/sign-in": ("email", "password", "csrf", "flow"),
    "/consent": ("decision", "csrf", "flow"),
    "/logout": ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "decision"),
}  # fmt: skip
QUERIES = {
    "/authorize": (*AUTHORIZE, "state", "nonce", "prompt", "max_age", "login_hint", "request"),
    "/authorize/continue": ("flow",),
    "/sign-in": ("flow",),
    "/consent": ("flow",),
    "/logout": FORMS["/logout"],
}
SPOILING = {
    "given more than once": lambda name: f"{name}=1&{name}=2",
    "given more than once, alike": lambda name: f"{name}=1&{name}=1",
    "given more than once, one empty": lambda name: f"{name}=1&{name}=",
    "is longer than": lambda name: f"{name}={'x' * 8193}",
    "holds a NUL": lambda name: f"{name}=a%00b",
}
PLACES = [
    *(("POST", path, name) for path, names in FORMS.items() for name in names),
    *(("GET", path, name) for path, names in QUERIES.items() for name in names),
]


def in_place(method: str, path: str, encoded: bytes) -> Sent:
    if method == "GET":
        return Sent("GET", path, encoded)
    return Sent("POST", path, b"", [(b"content-type", FORM)], encoded)


@pytest.mark.parametrize("spoilt", SPOILING)
@pytest.mark.parametrize(("method", "path", "name"), PLACES)
async def test_a_spoilt_parameter_is_named(
    site: Installation, method: str, path: str, name: str, spoilt: str
) -> None:
    """S109: the error says which parameter, and what is wrong with it (RFC 6749 §3.1, §3.2)."""
    sent = in_place(method, path, SPOILING[spoilt](name).encode())
    answer = await send(site.app, sent)
    assert answer.status == 400
    assert (
        f"The parameter {name} {spoilt.partition(',')[0]}".replace("given", "is given")
        in (answer.body.decode())
        or f"The parameter {name} {spoilt.partition(',')[0]}" in answer.body.decode()
    )
    assert b"invalid_request" in answer.body


@pytest.mark.parametrize(
    ("encoded", "sentence"),
    [
        (b"a=%ff", "not percent-encoded UTF-8"),
        (b"%ff=a", "not percent-encoded UTF-8"),
        (b"a=\xff", "not percent-encoded UTF-8"),
        (b"a=%ed%a0%80", "not percent-encoded UTF-8"),
        (b"&".join(b"p%d=1" % number for number in range(65)), "more than 64 parameters"),
        (b"=1", "name is empty, too long or not printable"),
        (b"%0a=1", "name is empty, too long or not printable"),
        (b"n" * 129 + b"=1", "name is empty, too long or not printable"),
    ],
)
@pytest.mark.parametrize(("method", "path"), sorted({place[:2] for place in PLACES}))
async def test_a_spoilt_encoding_is_refused(
    site: Installation, method: str, path: str, encoded: bytes, sentence: str
) -> None:
    answer = await send(site.app, in_place(method, path, encoded))
    assert answer.status == 400
    assert sentence in answer.body.decode()


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    ("content_type", "sentence"),
    [
        (b"application/json", "The body must be application/x-www-form-urlencoded."),
        (b"text/plain", "The body must be application/x-www-form-urlencoded."),
        (b"multipart/form-data; boundary=x", "The body must be application/x-www-form-urlencoded."),
        (b"", "The body must be application/x-www-form-urlencoded."),
        (FORM + b"; charset=utf-16", "The body must be encoded in UTF-8."),
    ],
)
async def test_a_wrong_content_type_is_refused(
    site: Installation, path: str, content_type: bytes, sentence: str
) -> None:
    """A cross-site form that avoids a preflight by its type is none that we read."""
    for headers in ([(b"content-type", content_type)], []):
        expected = sentence if headers else "The body must be application/x-www-form-urlencoded."
        answer = await send(site.app, Sent("POST", path, b"", headers, b"token=x&csrf=x"))
        assert answer.status == 400
        assert expected in answer.body.decode()


@pytest.mark.parametrize("path", FORMS)
async def test_oversized_bodies_are_refused(site: Installation, path: str) -> None:
    body = b"a=" + b"x" * 70_000
    answer = await send(site.app, in_place("POST", path, body))
    assert answer.status == 400
    assert b"The body is longer than 65536 bytes." in answer.body


@pytest.mark.parametrize("path", QUERIES)
async def test_oversized_queries_are_refused(site: Installation, path: str) -> None:
    answer = await send(site.app, Sent("GET", path, b"a=" + b"x" * 40_000))
    assert answer.status == 400
    assert b"The query is longer than 32768 bytes." in answer.body


@pytest.mark.parametrize(
    ("path", "given", "error", "said"),
    [
        ("/token", {"x": "y"}, "invalid_request", "grant_type is missing"),
        ("/token", {"grant_type": ""}, "invalid_request", "grant_type is missing"),
        ("/token", {"grant_type": "nonsense"}, "unsupported_grant_type", "not supported"),
        ("/token", {"grant_type": "authorization_code"}, "invalid_request", "code is missing"),
        (
            "/token",
            {"grant_type": "authorization_code", "code": "x"},
            "invalid_request",
            "code_verifier is missing",
        ),
        ("/token", {"grant_type": "refresh_token"}, "invalid_request", "refresh_token is missing"),
        (
            "/token",
            {"grant_type": "refresh_token", "refresh_token": "x"},
            "invalid_grant",
            "not valid",
        ),
        ("/introspect", {"x": "y"}, "invalid_request", "token is missing"),
        ("/revoke", {"x": "y"}, "invalid_request", "token is missing"),
    ],
)
async def test_a_missing_or_wrong_parameter_is_named(
    site: Installation, path: str, given: dict[str, str], error: str, said: str
) -> None:
    answer = await site.post(path, "app", **given)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert said in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("scope", "resource", "error"),
    [
        ("notes:read", "nonsense", "invalid_target"),
        ("notes:read", "https://unknown.example", "invalid_target"),
        ("notes:read", "https://notes.example#x", "invalid_target"),
        ("notes:read", "https://[", "invalid_target"),
        ("unknown", "https://notes.example", "invalid_scope"),
        ('a"b', "https://notes.example", "invalid_scope"),
        ("ü", "https://notes.example", "invalid_scope"),
        ("x" * 200, "https://notes.example", "invalid_scope"),
        ("openid", "https://notes.example", "invalid_scope"),
    ],
)
async def test_a_wrong_scope_or_resource_has_an_error_of_its_own(
    site: Installation, scope: str, resource: str, error: str
) -> None:
    """RFC 6749 §5.2, RFC 8707 §2."""
    form = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
    answer = await site.post("/token", "service", **form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert SAYABLE.fullmatch(answer.json()["error_description"])


async def test_a_name_that_cannot_be_said_is_shown_without_harm(site: Installation) -> None:
    """A stranger chooses the name of a parameter, and finds it in the error: harmless."""
    name = '"><script>\\'
    encoded = f"{quote(name)}=1&{quote(name)}=2".encode()
    for path in ("/token", "/sign-in"):
        answer = await send(site.app, in_place("POST", path, encoded))
        assert answer.status == 400
        assert b"<script>" not in answer.body or path == "/token"
        assert b"is given more than once" in answer.body
    assert answer.header(b"content-type") == b"text/html; charset=utf-8"


@pytest.mark.parametrize(
    "route", ROUTES, ids=lambda route: f"{'/'.join(route.methods)} {route.path}"
)
async def test_a_wrong_method_is_refused_with_the_right_ones(
    site: Installation, route: Any
) -> None:
    """RFC 9110 §15.5.6."""
    path = re.sub(r"\{\w+\}", "x", route.path)
    right = {method for each in ROUTES if each.path == route.path for method in each.methods}
    for method in {"PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"} - right:
        answer = await send(site.app, Sent(method, path))
        assert answer.status == 405
        allowed = set((answer.header(b"allow") or b"").decode().split(", "))
        assert set(route.methods) <= allowed


@pytest.mark.parametrize(
    "path", ["//", "/token/", "/Token", "/token%00", "/../token", "/.well-known",
             "/static/../app.py",
             "/static/%2e%2e/app.py", "/account/apps/x", "/\udcff", "/é", "*", "/" + "x" * 5000]
)  # fmt: skip
async def test_what_is_not_there_is_a_page_where_one_is_asked_for(
    site: Installation, path: str
) -> None:
    answer = await send(site.app, Sent("GET", path, headers=((b"accept", b"Text/HTML,*/*;q=0.8"),)))
    assert answer.status == 404
    demand_a_page(answer)
    for accepted in ((), ((b"accept", b"\xff\x00text/htm"),), ((b"accept", b"*/*," * 5000),)):
        answer = await send(site.app, Sent("GET", path, headers=accepted))
        assert answer.status == 404
        assert answer.header(b"content-type") == b"application/json"
        assert answer.header(b"cache-control") == b"no-store"
        assert answer.header(b"x-content-type-options") == b"nosniff"
        assert json.loads(answer.body)["error"] == "not_found"
