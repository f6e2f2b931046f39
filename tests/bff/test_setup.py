"""What can be set up, and what is refused with a sentence that says what to do."""

from typing import Any

import pytest

from counterfoil.bff import (
    BackendForFrontend,
    Limits,
    MarkerCookie,
    MemorySessions,
    Upstream,
)
from counterfoil.client import AsyncClient

HERE = "https://shop.example/bff/callback"
API = Upstream(url="https://orders.example")


def made(redirect_uri: str = HERE, apis: Any = None, **options: Any) -> BackendForFrontend:
    client = AsyncClient("https://id.example", "shop", "s3cret", redirect_uri=redirect_uri)
    return BackendForFrontend(client, apis or {"/api": API}, **options)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        *("https://shop.example/bff/callback", "http://127.0.0.1:8003/bff/callback"),
        *("http://localhost/x/y/callback", "https://shop.example:8443/bff/callback"),
    ],
)
def test_the_redirect_uri_says_where_the_app_is(redirect_uri: str):
    made(redirect_uri)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        *(
            "http://shop.example/bff/callback",
            "",
            "https://shop.example/bff",
            "ftp://a/bff/callback",
        ),
        *("https://shop.example/callback", "https://shop.example/bff/callback?x=1"),
    ],
)
def test_one_that_is_not_safe_or_not_clear_is_refused(redirect_uri: str):
    with pytest.raises(ValueError, match=r"https://shop\.example/bff/callback"):
        made(redirect_uri)


@pytest.mark.parametrize(
    "mount",
    [
        *("api", "/api/", "/", "/a//b", "/bff", "/bff/api", "/a/../b"),
        *("/a?b", "/a b", "/%61", "/\u00e4", "/a;b"),
    ],
)
def test_a_place_for_an_api_is_a_plain_path_apart_from_ours(mount: str):
    with pytest.raises(ValueError, match=r"write it as /api|within each other"):
        made(apis={mount: API})


def test_several_apis_have_each_a_name():
    """Or one would get the token of another."""
    with pytest.raises(ValueError, match="resource"):
        made(apis={"/a": API, "/b": API})


def test_a_sign_in_asks_who_it_is():
    with pytest.raises(ValueError, match="openid"):
        made(scope="orders:read")


def test_an_option_that_there_is_not_is_refused():
    """Or a word misspelt would leave a session as long as by default."""
    with pytest.raises(TypeError, match="limit"):
        made(limit=Limits(idle=60))


@pytest.mark.parametrize("home", ["", "welcome", "//evil.example", "https://a.example", "/bff/x"])
def test_the_home_is_a_page_of_the_app(home: str):
    """An empty one would lead back to the callback, for ever."""
    made(home="/welcome")
    with pytest.raises(ValueError, match="write it as /welcome"):
        made(home=home)


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_that_is_none_is_not_passed_over(key: bytes):
    with pytest.raises(ValueError, match="32 bytes"):
        made(key=key)


def test_a_store_that_is_empty_is_a_store():
    class Counted(MemorySessions):
        def __len__(self) -> int:
            return 0

    store = Counted()
    assert made(sessions=store)._setup.custody.sessions is store


def test_the_client_proves_who_it_is():
    """RFC 10017 §6.1: a code is then worth nothing to a script that got hold of it."""
    client = AsyncClient("https://id.example", "shop", redirect_uri=HERE)
    with pytest.raises(ValueError, match="secret"):
        BackendForFrontend(client, {"/api": API})


def test_a_marker_is_of_a_domain_of_the_app():
    made(marker=MarkerCookie("shop.example"))
    with pytest.raises(ValueError, match="cannot be set by"):
        made(marker=MarkerCookie("other.example"))
