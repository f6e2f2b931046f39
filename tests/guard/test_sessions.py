"""An API's own sessions beside tokens at the same endpoints (S62)."""

import asyncio

import pytest

from counterfoil.guard import MaxAge, Rejected, Sessions, SignedIn, StepUp, Web
from counterfoil.guard.demands import Demand, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.guard.sessions import origin_of
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import NOW, Desk, request

pytestmark = pytest.mark.anyio
ADA = SignedIn(subject="ada", scopes=("notes",), auth_time=int(NOW) - 60, claims={"acr": "mfa"})
PEOPLE = {"s-ada": ADA}
COOKIE = {"cookie": "sid=s-ada"}
OWN = {"origin": "https://notes.example"}


def by_session(desk: Desk, **more: object) -> Gate:
    sessions = Sessions(**{"cookie": "sid", "look_up": PEOPLE.get} | more)
    return desk.gate(web=Web(sessions=sessions), implied={"notes": ("notes:read", "notes:write")})


def reason(gate: Gate, asked: Request, *demands: str | Demand) -> Reason | None:
    try:
        gate.admit_blocking(asked, demands_of(*demands))
    except Rejected as rejected:
        return rejected.reason
    return None


async def test_a_session_gives_what_a_token_gives(desk: Desk):
    """S62: endpoints see no difference, and nothing in them depends on a JWT."""
    gate = by_session(desk)
    token = await gate.admit(request(**COOKIE), demands_of("notes:read", MaxAge(1)))
    assert (token.subject, token.issuer, token.fingerprint) == ("ada", "", "")
    assert token.claims == {"sub": "ada", "auth_time": int(NOW) - 60, "acr": "mfa"}
    token.require("notes:write")
    await gate.admit(request(**COOKIE), demands_of(StepUp(acr=("mfa",), max_age=60)))
    assert reason(gate, request(**COOKIE), StepUp(max_age=59)) is Reason.SIGN_IN_TOO_OLD
    assert reason(gate, request(**COOKIE), "notes:admin") is Reason.INSUFFICIENT_SCOPE


async def test_it_may_be_looked_up_in_an_event_loop(desk: Desk):
    async def look_up(value: str) -> SignedIn | None:
        return PEOPLE.get(value)

    gate = by_session(desk, look_up=look_up)
    assert (await gate.admit(request(**COOKIE))).subject == "ada"
    with pytest.raises(TypeError, match="plain function"):
        gate.admit_blocking(request(**COOKIE))


def test_a_session_that_is_not_known_is_none(desk: Desk):
    gate = by_session(desk)
    assert reason(gate, request(cookie="sid=other")) is Reason.MISSING
    assert reason(gate, request(cookie="other=s-ada")) is Reason.MISSING
    assert reason(gate, request()) is Reason.MISSING


def test_without_sessions_a_cookie_is_nothing(desk: Desk):
    assert reason(desk.gate(), request(**COOKIE)) is Reason.MISSING


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (OWN, None),
        ({"sec_fetch_site": "same-origin"}, None),
        ({"sec_fetch_site": "none"}, None),
        ({"origin": "https://app.example"}, None),
        ({"x_csrf": "right"}, None),
        ({}, Reason.FORGED_REQUEST),
        ({"x_csrf": "wrong"}, Reason.FORGED_REQUEST),
        ({"origin": "https://evil.example"}, Reason.FORGED_REQUEST),
        ({"origin": "null"}, Reason.FORGED_REQUEST),
        ({"origin": "http://notes.example"}, Reason.FORGED_REQUEST),
        ({"sec_fetch_site": "same-site"}, Reason.FORGED_REQUEST),
        ({"sec_fetch_site": "cross-site"}, Reason.FORGED_REQUEST),
    ],
)
def test_what_changes_something_must_come_from_the_apis_own_pages(
    desk: Desk, headers: dict[str, str], why: Reason | None
):
    """S62."""

    def is_theirs(asked: Request, session: str) -> bool:
        return (session, asked.values(b"x-csrf")) == ("s-ada", ("right",))

    gate = by_session(desk, origins=("https://app.example",), csrf=is_theirs)
    for method in ("POST", "PUT", "PATCH", "DELETE", "PURGE"):
        assert reason(gate, request(method=method, **COOKIE, **headers)) is why
    assert reason(gate, request(method="GET", **COOKIE, **headers)) is None


def test_a_token_needs_no_protection_against_forgery(desk: Desk):
    """S62."""
    gate = by_session(desk)
    asked = request(method="POST", token=desk.token(), origin="https://evil.example")
    assert reason(gate, asked, "notes:read") is None


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Notes.example/a", "https://notes.example"),
        ("https://notes.example:443/", "https://notes.example"),
        ("http://notes.example:80/", "http://notes.example"),
        ("http://notes.example:443/", "http://notes.example:443"),
        ("", "-"),
    ],
)
def test_an_origin_is_spelled_as_browsers_do(url: str, origin: str):
    assert origin_of(url) == origin


def test_a_cookie_has_a_name(desk: Desk):
    for name in ("", "a b", "a=b"):
        with pytest.raises(ValueError, match="no name of a cookie"):
            by_session(desk, cookie=name)


@pytest.mark.parametrize("host", ["note[.example", "[::1", "a]b", ""])
def test_a_host_that_is_none_is_refused_and_breaks_nothing(desk: Desk, host: str):
    """Found by a fuzzer: a stranger's ``Host`` beside a cookie made an error of the server's."""
    asked = request(method="POST", host=host, origin=f"https://{host}", **COOKIE)
    assert reason(by_session(desk), asked) is Reason.FORGED_REQUEST


async def test_what_has_to_be_waited_for_needs_an_event_loop(desk: Desk):
    """Also where it is no coroutine."""

    def look_up(value: str) -> "asyncio.Future[SignedIn | None]":
        found = asyncio.get_running_loop().create_future()
        found.set_result(PEOPLE.get(value))
        return found

    gate = by_session(desk, look_up=look_up)
    assert (await gate.admit(request(**COOKIE))).subject == "ada"
    with pytest.raises(TypeError, match="plain function"):
        gate.admit_blocking(request(**COOKIE))
