"""Nonsense of every kind, for Hypothesis to draw from."""

import re
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from counterfoil.oauth.opaque import Kind, spell
from counterfoil.server.app import ROUTES
from tests.attacks.wire import Header, Sent
from tests.installation import CALLBACK, EMAIL, PASSWORD

FORM = b"application/x-www-form-urlencoded"
NAMES = (
    "client_id", "client_secret", "grant_type", "scope", "resource", "code", "code_verifier",
    "redirect_uri", "refresh_token", "token", "token_type_hint", "response_type", "response_mode",
    "state", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age", "login_hint",
    "request", "request_uri", "registration", "id_token_hint", "post_logout_redirect_uri", "flow",
    "csrf", "email", "password", "permission", "decision", "done", "access_token", "assertion",
)  # fmt: skip
PLAUSIBLE = (
    "", "app", "spa", "service", "authorization_code", "client_credentials", "refresh_token",
    "openid", "openid notes:read", "notes:write", CALLBACK, "code", "S256", "query", "none",
    "login", "consent", "0", "-1", "99999999999999999999", "1e9", "٣", "allow", "deny", "logout",
    EMAIL, PASSWORD, "https://notes.example", "v" * 43, "null", "[]", "{}", "true", "a,b",
    "https://[", "http://127.0.0.1:99999/", "//", "\\", "%", "%00", "\x00", "\r\n", "\u2028", "￿",
    "\U0001d4b3" * 100, "é", "' OR 1=1", "<script>", "{{7*7}}", "../..", "x" * 8192, "x" * 8193,
    "x" * 40_000,
    "a.b.c", "eyJhbGciOiJub25lIn0.e30.", *(spell(kind, b"x" * 32).reveal() for kind in Kind),
)  # fmt: skip
VALUES = st.sampled_from(PLAUSIBLE) | st.text(max_size=40)
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=12), VALUES), max_size=12)
ENCODED = (
    PAIRS.map(lambda pairs: urlencode(pairs, errors="surrogatepass").encode())
    | PAIRS.map(lambda pairs: "&".join(f"{k}={v}" for k, v in pairs).encode("utf-8", "replace"))
    | st.binary(max_size=60)
    | st.sampled_from([b"&" * 200, b"a=1&" * 65, b"=", b"%", b"%ff=%fe", b"a=%ed%a0%80", b"a;b=1"])
)
TYPES = st.sampled_from(
    [FORM, FORM + b"; charset=utf-8", FORM + b"; charset=latin-1", FORM.upper(), b"", b"\xff",
     b"application/json", b"multipart/form-data; boundary=x", b"text/plain", FORM + b"," + FORM]
)  # fmt: skip
SPOILT = st.sampled_from(
    [b"", b"Basic", b"Basic ", b"Basic !", b"Basic YXBw", b"Basic YTpi", b"Basic /w==",
     b"Basic YXBwOiUlJQ==", b"Bearer", b"Bearer x", b"Bearer a.b.c", b"bearer  ", b"DPoP x",
     b"\xff\xfe", b"Basic " + b"A" * 70_000, b"Bearer " + b"A" * 70_000, b"Negotiate x"]
) | st.binary(max_size=30)  # fmt: skip
COOKIES = st.sampled_from(
    [b"", b"=", b";", b"counterfoil_session=", b"counterfoil_session=x; counterfoil_session=y",
     b'counterfoil_session="\\377"', b"counterfoil_browser=" + b"A" * 5000, b"\xff=\xff",
     b"counterfoil_session=" + spell(Kind.SESSION, b"x" * 32).reveal().encode(),
     b"counterfoil_browser=" + spell(Kind.BROWSER, b"x" * 32).reveal().encode()]
)  # fmt: skip
HEADERS = st.lists(
    st.tuples(st.just(b"authorization"), SPOILT)
    | st.tuples(st.just(b"cookie"), COOKIES)
    | st.tuples(st.just(b"content-type"), TYPES)
    | st.tuples(
        st.sampled_from(
            [b"user-agent", b"last-event-id", b"origin", b"sec-fetch-site", b"host",
             b"if-none-match",
             b"x-forwarded-for", b"accept", b"accept-language", b"content-length", b"dpop"]
        ),
        st.binary(max_size=40) | st.sampled_from([b"", b"x:1", b"*", b"null", b"cross-site"]),
    ),
    max_size=5,
)  # fmt: skip
METHODS = st.sampled_from(
    ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get"]
)
SEGMENTS = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=20)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Any, Sent]:
    route = draw(st.sampled_from(ROUTES))
    path = re.sub(r"\{\w+\}", lambda _: draw(SEGMENTS), route.path)
    headers: list[Header] = draw(HEADERS)
    if not any(name == b"content-type" for name, _ in headers) and draw(st.booleans()):
        headers.append((b"content-type", FORM))
    method = draw(st.sampled_from(route.methods) | METHODS)
    return route, Sent(method, path, draw(ENCODED), headers, draw(ENCODED))
