"""Cookies of a request."""

import pytest

from counterfoil.guard.cookies import cookie_in, has_cookie
from counterfoil.guard.request import Request


def sent(*values: bytes) -> Request:
    return Request("GET", "https", "", "/", b"", [(b"cookie", value) for value in values])


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((b"sid=abc",), "abc"),
        ((b"x=1; sid=abc; y=2",), "abc"),
        ((b"x=1", b"sid=abc"), "abc"),
        ((b'sid="abc"',), "abc"),
        ((b"sid=a=b",), "a=b"),
        ((b"xsid=abc",), ""),
        ((b"SID=abc",), ""),
        ((b"sid",), ""),
        ((), ""),
        ((b"sid=abc; sid=def",), ""),
        ((b"sid=abc", b"sid=abc"), ""),
    ],
)
def test_one_cookie_is_found_and_two_are_none(values: tuple[bytes, ...], found: str):
    assert cookie_in(sent(*values), "sid") == found
    assert has_cookie(sent(*values), "sid") == any(
        b"sid=" in v and not v.startswith(b"xsid") for v in values
    )
