"""Where one goes after a sign-in."""

import pytest

from counterfoil.bff.return_to import LONGEST, local, with_error


@pytest.mark.parametrize(
    "path", ["/", "/orders", "/orders?page=2&of=//x", "/a#b", "/caf%C3%A9", "/bffx", "/a..b"]
)
def test_a_page_of_this_site_is_gone_to(path: str):
    assert local(path, "/home", "/bff") == path


@pytest.mark.parametrize(
    "elsewhere",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", ""),
        *("///evil.example", "/\t/evil.example", "/\n/evil", " /a", "javascript:alert(1)", "a/b"),
        *("/.//evil.example", "/..//evil.example", "/x/..", "/%2e%2e/bff/sign-in", "/a//b"),
        *("/bff", "/bff/sign-in", "/BFF/sign-in", "/a/../bff/sign-in", "/\u2215evil", "/a\x00"),
        "/" + "a" * LONGEST,
        None,
    ],
)
def test_whatever_could_lead_elsewhere_leads_home(elsewhere: str | None):
    """S103: no open redirect, and no circle."""
    assert local(elsewhere, "/home", "/bff") == "/home"


def test_an_error_is_told_to_the_page():
    assert with_error("/a", "no") == "/a?sign_in_error=no"
    assert with_error("/a?b=1#c", "no") == "/a?b=1&sign_in_error=no#c"
