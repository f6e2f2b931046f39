"""The two cookies, in production and in development."""

from http.cookies import SimpleCookie

import pytest
from starlette.responses import Response

from counterfoil.oauth.opaque import Kind, Secret, spell
from counterfoil.server.web.cookies import Cookies
from tests.server.web.requests import request

BROWSER = spell(Kind.BROWSER, b"b" * 32)
SESSION = spell(Kind.SESSION, b"s" * 32)


def set_by(cookies: Cookies) -> SimpleCookie:
    response = Response()
    cookies.set_browser(response, BROWSER)
    cookies.set_session(response, SESSION, 60)
    found: SimpleCookie = SimpleCookie()
    for value in response.headers.getlist("set-cookie"):
        found.load(value)
    return found


def test_in_production_they_belong_to_this_host_and_https():
    """S103: __Host-, Secure, HttpOnly, SameSite, path / and no domain (RFC 6265bis §4.1.3.2)."""
    found = set_by(Cookies(development=False))
    assert set(found) == {"__Host-counterfoil_browser", "__Host-counterfoil_session"}
    for morsel in found.values():
        assert morsel["secure"]
        assert morsel["httponly"]
        assert morsel["samesite"] == "lax"
        assert morsel["path"] == "/"
        assert morsel["domain"] == ""


def test_in_development_plain_http_will_do():
    found = set_by(Cookies(development=True))
    assert set(found) == {"counterfoil_browser", "counterfoil_session"}
    assert not any(morsel["secure"] for morsel in found.values())
    assert all(morsel["httponly"] for morsel in found.values())


def test_the_browser_is_named_until_it_closes_and_the_session_for_a_time():
    found = set_by(Cookies(development=True))
    assert found["counterfoil_browser"]["max-age"] == ""
    assert found["counterfoil_session"]["max-age"] == "60"


def test_clearing_ends_the_cookie():
    response = Response()
    Cookies(development=True).clear_session(response)
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("value", "found"),
    [(SESSION.reveal(), SESSION), (BROWSER.reveal(), None), ("x", None), ("", None)],
)
def test_only_a_well_spelled_secret_of_its_kind_is_read(value: str, found: Secret | None):
    """S75: a browser's name is no session."""
    headers = [(b"cookie", f"counterfoil_session={value}".encode())]
    assert Cookies(development=True).session_of(request(headers=headers)) == found


def test_a_cookie_without_the_prefix_is_not_read_in_production():
    """S104: a sibling host cannot plant a session."""
    headers = [(b"cookie", f"counterfoil_session={SESSION.reveal()}".encode())]
    assert Cookies(development=False).session_of(request(headers=headers)) is None


def test_an_answer_that_says_what_becomes_of_the_session_is_known():
    cookies, response = Cookies(development=False), Response()
    cookies.set_browser(response, BROWSER)
    assert not cookies.sets_session(response)
    cookies.clear_session(response)
    assert cookies.sets_session(response)


def test_a_session_may_last_until_the_browser_is_closed():
    """S34."""
    response = Response()
    Cookies(development=True).set_session(response, SESSION, None)
    cookie = response.headers["set-cookie"].lower()
    assert "max-age" not in cookie
    assert "expires" not in cookie


@pytest.mark.parametrize(
    "sent",
    [
        "\x85{name}={value}", "\xa0{name}={value}", "{name}={value}; {name}={value}x",
        "{name}={value}; {name}={value}",
    ],
)  # fmt: skip
def test_what_a_neighbouring_host_may_have_planted_is_not_believed(sent: str):
    """A space of Unicode hides the prefix from the browser, which then takes it from anybody."""
    name, value = "__Host-counterfoil_session", SESSION.reveal()
    cookies = Cookies(development=False)
    own = request(headers=[(b"cookie", f"a=b; {name}={value} ;c".encode())])
    assert cookies.session_of(own) == SESSION
    planted = request(headers=[(b"cookie", sent.format(name=name, value=value).encode("latin-1"))])
    assert cookies.session_of(planted) is None
