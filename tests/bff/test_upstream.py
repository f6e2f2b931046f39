"""Which address at the API a path here means."""

from typing import Any

import pytest

from counterfoil.bff import Upstream
from counterfoil.bff.asgi import Request, TurnedAway

API = Upstream(url="https://orders.example/v1/")


def target(path: str, query: str = "", method: str = "GET") -> str:
    return API.target("/api", Request(method, path, query))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api", "https://orders.example/v1"),
        ("/api/", "https://orders.example/v1/"),
        ("/api/orders/7", "https://orders.example/v1/orders/7"),
        ("/api/caf%C3%A9", "https://orders.example/v1/caf%C3%A9"),
        ("/api/a%20b", "https://orders.example/v1/a%20b"),
        ("/api/a..b/...", "https://orders.example/v1/a..b/..."),
        ("/api/a;b=1", "https://orders.example/v1/a;b=1"),
    ],
)
def test_what_lies_below_the_mount_lies_below_the_api(path: str, expected: str):
    assert target(path) == expected


def test_the_query_goes_along_as_it_is():
    assert target("/api/a", "b=1&c=%2F..%2F").endswith("/v1/a?b=1&c=%2F..%2F")


@pytest.mark.parametrize(
    "path",
    [
        *("/api/..", "/api/../admin", "/api/a/../../b", "/api/.", "/api/./a", "/api/%2e%2e/b"),
        *("/api/%2E./b", "/api/..;/b", "/api/..;x=1/b", "/api//evil.example", "/api/a//b"),
        *("/api/%2fb", "/api/a%5cb", "/api/a\\b", "/api/%252e%252e/b", "/api/a%00", "/api/a%0d%0a"),
        *("/api/a%0", "/api/%zz", "/api/a b", "/api/\u00e9", "/api/a#b", "/api/a%7f"),
        *("/api/%c0%ae%c0%ae/b", "/api/a%ff", "/api/" + "a" * 16_384),
        *("/apix", "/api@evil.example", "/api:80/"),
    ],
)
def test_a_path_that_could_be_read_as_another_is_refused(path: str):
    """S103: no way out of the mount."""
    with pytest.raises(TurnedAway) as refused:
        target(path)
    assert refused.value.reply.status == (414 if len(path) > 16_384 else 400)


@pytest.mark.parametrize("query", ["a b", "a\r\nHost: evil", "\u00e9", '"', "a\\"])
def test_a_query_that_is_none_is_refused(query: str):
    with pytest.raises(TurnedAway):
        target("/api/a", query)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get"])
def test_only_named_methods_pass(method: str):
    with pytest.raises(TurnedAway) as refused:
        target("/api/a", method=method)
    assert refused.value.reply.status == 405
    assert ("allow", "GET, HEAD, POST, PUT, PATCH, DELETE") in refused.value.reply.headers


@pytest.mark.parametrize(
    "url", ["http://orders.example", "ftp://a.example", "https://a:b@c.example", "https://a.b/?x"]
)
def test_an_address_that_is_not_safe_is_refused(url: str):
    with pytest.raises(ValueError, match=r"must|address"):
        Upstream(url=url)


@pytest.mark.parametrize(
    "said",
    [
        *({"methods": ("GET", "TRACE")}, {"methods": ("CONNECT",)}, {"methods": ("get",)}),
        *({"methods": "GET"}, {"headers": "x-mine"}, {"headers": ("x mine",)}),
        *({"headers": ("Cookie",)}, {"headers": ("Transfer-Encoding",)}, {"headers": ("dpop",)}),
    ],
)
def test_what_would_be_unsafe_or_never_true_is_refused(said: dict[str, Any]):
    """TRACE shows the token to the page; the others would do nothing, without a word."""
    with pytest.raises(ValueError, match=r"passed on|tuples"):
        Upstream(url="https://orders.example", **said)
    Upstream(url="https://orders.example", methods=("GET", "PROPFIND"), headers=("X-Mine",))


@pytest.mark.parametrize(
    ("location", "here"),
    [
        ("https://orders.example/v1/new?a=1#b", "/api/new?a=1#b"),
        ("/v1/new", "/api/new"),
        ("new", "/api/new"),
        ("https://orders.example/v2/new", None),
        ("https://orders.example.evil/v1/new", None),
        ("https://orders.example/v1", None),
        ("//evil.example/v1/new", None),
        ("https://evil.example", None),
        ("http://[", None),
        ("javascript:alert(1)", None),
        ("/v1//evil.example", None),
    ],
)
def test_a_redirect_within_the_api_is_one_within_the_mount(location: str, here: str | None):
    assert API.mounted(location, "https://orders.example/v1/old", "/api") == here
