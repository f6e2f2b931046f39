"""Which requests a token is good for that is bound to a URL, or to a pattern."""

import msgspec
import pytest

from counterfoil.oauth.canonical_url import UrlRefused
from counterfoil.oauth.url_binding import Requested, UrlBound, bound_to, hash_of, hashed

API = "https://api.example"


def permits(text: str, path: str, method: str = "GET") -> bool:
    return bound_to(text, ("GET",)).permits(Requested(method, API + path), "t1")


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("/files/7", ["/files/7", "/%66iles/7"], ["/files/8", "/files/7/", "/files/7?a=1", "/"]),
        ("/files/*", ["/files/7", "/files/*", "/files/a%20b"], ["/files/", "/files", "/files/7/8"]),
        (
            "/u/*/files/*",
            ["/u/1/files/2"],
            ["/u/1/files", "/u/1/2/files/3", "/u/1/mail/2", "/u//files/2"],
        ),
        (
            "/files/**",
            ["/files/7", "/files/7/8", "/files/7/"],
            ["/files", "/files/", "/filesystem/7", "/files/../mail/7", "/files/%2e%2e/mail"],
        ),
        ("/**", ["/a", "/a/b/c"], ["/", "/a?b=1", "/a//b"]),
        ("/a?x=1&y=2", ["/a?y=2&x=1"], ["/a", "/a?x=1", "/a?x=1&y=2&z=3", "/a?x=1&y=2&x=1"]),
        ("/a?**", ["/a", "/a?x=1"], ["/b?x=1", "/a/?x=1"]),
        ("/files/**?**", ["/files/7", "/files/7/8?x=1"], ["/mail?x=/files/7"]),
        ("/a%2Ab", ["/a*b", "/a%2ab"], ["/ab", "/axb"]),
    ],
)
def test_a_pattern_fits_what_it_says_and_nothing_else(
    pattern: str, fits: list[str], others: list[str]
):
    """S52."""
    assert [path for path in fits if not permits(API + pattern, path)] == []
    assert [path for path in others if permits(API + pattern, path)] == []


@pytest.mark.parametrize(
    "other",
    [
        "http://api.example/a",
        "https://api.example:8443/a",
        "https://api.example.evil.example/a",
        "https://evil.example/a",
        "",
    ],
)
def test_the_origin_is_never_a_pattern(other: str):
    bound = bound_to(f"{API}/**?**", ("GET",))
    assert not bound.permits(Requested("GET", other), "t1")
    assert bound.permits(Requested("GET", "https://API.example:443/a"), "t1")


def test_get_includes_head_and_nothing_else_is_included():
    bound = bound_to(f"{API}/a", ("GET", "PUT"))
    fits = [
        method
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "get", "OPTIONS")
        if bound.permits(Requested(method, f"{API}/a"), "t1")
    ]
    assert fits == ["GET", "HEAD", "PUT"]
    assert not bound_to(f"{API}/a", ("PUT",)).permits(Requested("HEAD", f"{API}/a"), "t1")


@pytest.mark.parametrize(
    "text",
    [
        f"{API}/a/**/b",
        f"{API}/a*",
        f"{API}/***",
        "https://*.example/a",
        "https://*/a",
        f"{API}/../*",
        f"{API}/*#x",
        f"{API}/*%2F",
    ],
)
def test_what_is_no_pattern_is_refused(text: str):
    with pytest.raises(UrlRefused):
        bound_to(text, ("GET",))


@pytest.mark.parametrize("methods", [(), ("",), ("get",), ("GET", "CONNECT"), ("*",)])
def test_what_is_no_method_is_refused(methods: tuple[str, ...]):
    with pytest.raises(ValueError, match="A method is one of"):
        bound_to(f"{API}/a", methods)


def test_a_hash_says_nothing_of_its_url_but_to_those_who_know_it():
    """S53: salted by the token's name, so that two tokens for one URL do not show it."""
    bound = hashed(bound_to(f"{API}/medical/records/7", ("GET",)), "t1")
    assert b"medical" not in msgspec.json.encode(bound)
    assert bound.hash != hash_of(f"{API}/medical/records/7", "t2")
    assert bound.permits(Requested("GET", f"{API}/medical/record%73/7"), "t1")
    assert not bound.permits(Requested("GET", f"{API}/medical/records/7"), "t2")
    assert not bound.permits(Requested("GET", f"{API}/medical/records/8"), "t1")


@pytest.mark.parametrize("pattern", ["/a/*", "/**", "/a?**"])
def test_a_pattern_is_not_hashed(pattern: str):
    with pytest.raises(UrlRefused, match="not hashed"):
        hashed(bound_to(API + pattern, ("GET",)), "t1")


@pytest.mark.parametrize(
    "claim",
    [
        {},
        {"methods": []},
        {"methods": ["GET"]},
        {"methods": [], "url": "https://a/"},
        {"methods": ["GET"], "url": "https://a/", "hash": "h"},
        {"methods": ["GET"], "url": "https://a/", "body": "digest"},
        {"methods": "GET", "url": "https://a/"},
        "https://a/",
    ],
)
def test_a_claim_that_is_not_understood_is_none(claim: object):
    """Whatever else may narrow it one day is not overlooked."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(claim, UrlBound)
