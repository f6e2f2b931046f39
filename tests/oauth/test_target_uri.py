"""Two URIs that mean the same are equal, and no others (RFC 3986 §6.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.target_uri import normalised

PLAIN = "https://api.example/notes"


@pytest.mark.parametrize(
    "uri",
    [
        "HTTPS://API.example/notes",
        "https://api.example:443/notes",
        "https://api.example:/notes",
        "https://api.example/notes?a=b",
        "https://api.example/notes#top",
        "https://api.example/%6eotes",
        "https://api.example/./notes",
        "https://api.example/x/../notes",
        "https://api.example/../notes",
    ],
)
def test_these_mean_the_same(uri: str):
    """§6.2.2.1 case, §6.2.2.2 escapes, §6.2.2.3 dots, §6.2.3 port; query and fragment are out."""
    assert normalised(uri) == PLAIN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PLAIN, "http://api.example/notes"),
        (PLAIN, "https://api.example:8443/notes"),
        (PLAIN, "https://api.example/notes/"),
        (PLAIN, "https://api.example//notes"),
        (PLAIN, "https://api.example/Notes"),
        (PLAIN, "https://api.example.evil.example/notes"),
        ("https://api.example/a%2Fb", "https://api.example/a/b"),
        ("https://api.example/a/..", "https://api.example/a"),
        ("https://api.example/%2e%2e%2fx", "https://api.example/x"),
    ],
)
def test_these_do_not(one: str, other: str):
    assert normalised(one)
    assert normalised(one) != normalised(other)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://api.example", "https://api.example/"),
        ("http://api.example:80", "http://api.example/"),
        ("http://[::1]:8000/a", "http://[::1]:8000/a"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
        ("https://api.example/%c3%a4", "https://api.example/%C3%A4"),
        ("https://api.example/a/b/../../c/.", "https://api.example/c/"),
    ],
)
def test_the_form_is_this(uri: str, expected: str):
    assert normalised(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "", "/notes", "api.example/notes", "ftp://api.example/", "https://", "https:///notes",
        "https://ada@api.example/", "https://api.example:x/", "https://api.example:99999/",
        "https://[::1/", "https://api.example/ä", "https://api.example/a b", "https://api.example\\a",
        "https://api.example/%", "https://api.example/%zz", "https://api%2eexample/", "\nhttps://a/",
    ],
)  # fmt: skip
def test_what_is_no_http_uri_has_no_form(uri: str):
    assert normalised(uri) is None


@given(st.text(st.sampled_from("abA.%2fFeE/;~-é \\@:"), max_size=40))
def test_the_normal_form_is_its_own(path: str):
    once = normalised(f"https://api.example/{path}")
    assert once is None or normalised(once) == once
