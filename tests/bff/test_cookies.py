"""The cookies: what protects them, and which are believed."""

import pytest

from counterfoil.bff.asgi import Request
from counterfoil.bff.cookies import Cookies, cookies_in


def headers_of(cookies: Cookies) -> list[str]:
    settings = (
        cookies.hold_session("an-id"),
        cookies.drop_session(),
        cookies.hold_attempt(cookies.attempt_of("s"), "sealed", 600),
        cookies.drop_attempt(cookies.attempt_of("s")),
        cookies.welcome_back(),
        cookies.ask_no_more(),
    )
    return [value for name, value in settings if name == "set-cookie"]


def test_over_https_they_belong_to_this_host_alone():
    """S102, S103: no other host can set them, no script can read them."""
    written = headers_of(Cookies(development=False))
    assert len(written) == 6
    for each in written:
        assert each.startswith("__Host-bff-")
        assert "; Path=/; HttpOnly; Secure; SameSite=" in each
        assert "Domain" not in each


def test_the_session_is_sent_by_no_other_site():
    """RFC 10017 §6.1."""
    assert "SameSite=Strict" in Cookies(development=False).hold_session("an-id")[1]


def test_in_development_their_names_say_that_they_are_not_protected():
    for each in headers_of(Cookies(development=True)):
        assert each.startswith("insecure-bff-")
        assert "Secure" not in each
        assert "HttpOnly" in each


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (["a=1; b=2"], {"a": "1", "b": "2"}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
        (["a=1; a=2; b=3"], {"b": "3"}),
        (["a=1", "a=1"], {}),
        (["=1; ; c"], {"c": ""}),
        (["a=b=c"], {"a": "b=c"}),
        (["a=1;\tb=2 "], {"a": "1", "b": "2"}),
        (["\xa0a=1; \x85b=2; \x0bc=3"], {"\xa0a": "1", "\x85b": "2", "\x0bc": "3"}),
    ],
)
def test_a_cookie_that_comes_twice_counts_for_none(sent: list[str], read: dict[str, str]):
    headers = tuple(("cookie", each) for each in sent)
    assert cookies_in(Request("GET", "/", headers=headers)) == read
