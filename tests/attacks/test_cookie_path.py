"""The cookie path of an API: other sites make browsers send cookies (S62, S99, S103)."""

import pytest

from counterfoil.guard import Bound, Cors, Rejected, Sessions, SignedIn, Web
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import Desk, request

pytestmark = pytest.mark.one_engine("no server of ours is there")

PEOPLE = {
    "s-ada": SignedIn(subject="ada", scopes=("notes:read", "notes:write")),
    "s-eve": SignedIn(subject="eve", scopes=("notes:read", "notes:write")),
}
ADA = {"cookie": "sid=s-ada"}
APP = "https://app.example"


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return desk.gate(web=Web(sessions=Sessions(cookie="sid", look_up=PEOPLE.get)))


def refused(gate: Gate, asked: Request, *demands: object) -> Reason | None:
    try:
        gate.admit_blocking(asked, demands_of(*demands))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_a_form_of_another_site_changes_nothing(gate: Gate):
    """S62."""
    for headers in (
        {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "null"},
        {"origin": "https://notes.example.evil.example"},
        {"origin": "https://notes.example, https://evil.example"},
        {"sec_fetch_site": "same-site"},
        {"referer": "https://notes.example/"},
        {},
    ):
        asked = request(method="POST", **ADA, **headers)
        assert refused(gate, asked) is Reason.FORGED_REQUEST


def test_no_second_origin_outvotes_the_first(gate: Gate):
    asked = request(method="POST", **ADA, origin="https://notes.example")
    both = [*asked.headers, (b"origin", b"https://evil.example")]
    smuggled = Request("POST", "https", asked.peer, asked.path, b"", both)
    assert refused(gate, smuggled) is Reason.FORGED_REQUEST


def test_a_websocket_of_another_site_is_not_opened(gate: Gate):
    """The handshake is a GET, and CORS does not hold it back."""
    evil = request(scheme="wss", **ADA, origin="https://evil.example")
    assert refused(gate, evil) is Reason.FORGED_REQUEST
    assert refused(gate, request(scheme="wss", **ADA)) is Reason.FORGED_REQUEST
    assert refused(gate, request(scheme="wss", **ADA, origin="https://notes.example")) is None


def test_a_strange_method_is_no_safe_one(gate: Gate):
    for method in ("PURGE", "get", "TRACE", "POST", ""):
        assert refused(gate, request(method=method, **ADA)) is Reason.FORGED_REQUEST


def test_of_two_users_the_token_decides(gate: Gate, desk: Desk):
    """S62: the cookie is not even looked at, so the two are never mixed."""
    asked = request(token=desk.token(sub="bob", scope="notes:read"), cookie="sid=s-eve")
    token = gate.admit_blocking(asked)
    assert (token.subject, token.scopes) == ("bob", {"notes:read"})
    assert refused(gate, asked, "notes:write") is Reason.INSUFFICIENT_SCOPE


@pytest.mark.parametrize("header", ["Bearer x.y.z", "Bearer ", "Basic YTpi", "x", ""])
def test_a_bad_token_is_not_saved_by_a_cookie(gate: Gate, header: str):
    """S119."""
    assert refused(gate, request(**ADA, authorization=header)) in (
        Reason.MALFORMED,
        Reason.MISSING,
    )


def test_a_cookie_that_was_tossed_in_beside_makes_neither_count(gate: Gate):
    for cookie in ("sid=s-eve; sid=s-ada", "sid=s-ada; sid=s-ada", "sid=; sid=s-ada"):
        assert refused(gate, request(cookie=cookie)) is Reason.MISSING


def test_a_session_over_plain_http_is_refused(gate: Gate):
    assert refused(gate, request(scheme="http", **ADA)) is Reason.INSECURE_TRANSPORT
    leaked = request("/notes?access_token=abc", **ADA)
    assert refused(gate, leaked) is Reason.TOKEN_IN_QUERY


def test_a_session_is_not_bound_to_anything(gate: Gate):
    assert refused(gate, request(**ADA), Bound(("cookie", "dpop"))) is Reason.UNBOUND


def test_what_a_cookie_opens_no_script_of_any_origin_may_read(gate: Gate, desk: Desk):
    """With ``*`` a browser would not show it anyhow; here it is not even said."""
    answer = gate.further_headers(request(**ADA, origin="https://evil.example"), {}.get)
    assert "access-control-allow-origin" not in answer
    assert answer["vary"] == "Authorization, Cookie"
    by_token = gate.further_headers(request(token="t", origin="https://evil.example"), {}.get)
    assert by_token["access-control-allow-origin"] == "*"
    named = desk.gate(
        web=Web(
            sessions=Sessions(cookie="sid", look_up=PEOPLE.get),
            cors=Cors(origins=(APP,), credentials=True),
        )
    )
    evil = named.further_headers(request(**ADA, origin="https://evil.example"), {}.get)
    assert not [name for name in evil if name.startswith("access-control")]
    good = named.further_headers(request(**ADA, origin=APP), {}.get)
    assert good["access-control-allow-credentials"] == "true"
    assert good["access-control-allow-origin"] == APP
