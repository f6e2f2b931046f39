"""Reading requests within bounds, and where they come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.web.reading import (
    MAX_BODY,
    MAX_QUERY,
    authorization_of,
    form_of,
    header,
    origin_of,
    path_below,
    query_of,
)
from tests.server.web.requests import request

FORM = (b"content-type", b"application/x-www-form-urlencoded")


@pytest.mark.anyio
async def test_a_body_is_read_in_pieces():
    parameters = await form_of(request([b"a=1", b"23&b=", b"4"], [FORM]))
    assert (parameters.get("a"), parameters.get("b")) == ("123", "4")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "content_type",
    [
        b"application/x-www-form-urlencoded",
        b"Application/X-WWW-Form-URLEncoded",
        b"application/x-www-form-urlencoded; charset=utf-8",
        b"application/x-www-form-urlencoded;charset=UTF-8",
    ],
)
async def test_a_form_is_known_by_its_type(content_type: bytes):
    parameters = await form_of(request([b"a=1"], [(b"content-type", content_type)]))
    assert parameters.get("a") == "1"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"application/json")],
        [(b"content-type", b"multipart/form-data; boundary=x")],
        [(b"content-type", b"application/x-www-form-urlencoded; charset=utf-16")],
        [FORM, FORM],
    ],
)
async def test_anything_else_is_no_form(headers: list[tuple[bytes, bytes]]):
    with pytest.raises(OAuthError) as refused:
        await form_of(request([b"a=1"], headers))
    assert refused.value.error == "invalid_request"


@pytest.mark.anyio
async def test_a_body_too_long_is_refused_before_it_is_whole():
    parts = [b"x" * 1024] * (MAX_BODY // 1024 + 100)
    whole = request(parts, [FORM])
    with pytest.raises(OAuthError, match=str(MAX_BODY)):
        await form_of(whole)


@pytest.mark.anyio
async def test_a_body_that_breaks_off_is_refused():
    broken = request([b"a=1"], [FORM])
    await broken._receive()
    with pytest.raises(OAuthError, match="ended early"):
        await form_of(broken)


def test_a_query_too_long_is_refused():
    assert query_of(request(query=b"a=1")).get("a") == "1"
    with pytest.raises(OAuthError, match=str(MAX_QUERY)):
        query_of(request(query=b"a" * (MAX_QUERY + 1)))


def test_a_header_is_given_once():
    """RFC 6750 §2, RFC 9110 §5.3: two credentials are none."""
    one = request(headers=[(b"authorization", b"Bearer x")])
    assert authorization_of(one) == "Bearer x"
    assert authorization_of(request()) is None
    two = request(headers=[(b"authorization", b"a"), (b"authorization", b"b")])
    with pytest.raises(OAuthError):
        header(two, b"authorization")


def address(peer: str | None, forwarded: list[str], trusted: tuple[str, ...]) -> str:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return origin_of(request(headers=headers, address=peer), trusted).address


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("192.0.2.1", [], (), "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], (), "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], ("10.0.0.0/8",), "192.0.2.1"),
        ("10.0.0.1", ["203.0.113.9"], ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.7"], ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.7"], ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.8, 10.0.0.7"], ("10.0.0.0/8",), "10.0.0.8"),
        ("10.0.0.1", ["nonsense"], ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, nonsense"], ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", [""], ("10.0.0.1",), "10.0.0.1"),
        ("::1", ["2001:db8::5"], ("::1", "10.0.0.0/8"), "2001:db8::5"),
        (None, ["203.0.113.9"], ("10.0.0.0/8",), ""),
    ],
)
def test_a_forwarded_address_counts_from_trusted_proxies_alone(
    peer: str | None, forwarded: list[str], trusted: tuple[str, ...], expected: str
):
    """RFC 9700 §4.13: whoever writes the header must be known; the nearest untrusted hop counts."""
    assert address(peer, forwarded, trusted) == expected


@given(st.lists(st.text(max_size=40)), st.sampled_from(["192.0.2.1", "10.0.0.1"]))
def test_no_header_makes_a_stranger_trusted(forwarded: list[str], peer: str):
    assert address("192.0.2.1", forwarded, ("10.0.0.0/8",)) == "192.0.2.1"
    assert address(peer, forwarded, ()) == peer


def test_a_user_agent_is_kept_in_part():
    headers = [(b"user-agent", b"x" * 10_000)]
    assert len(origin_of(request(headers=headers), ()).user_agent) == 256
    assert origin_of(request(), ()).user_agent == ""


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/auth/sign-in", "/auth", "/sign-in"),
        ("/auth", "/auth", "/"),
        ("/auth/", "/auth", "/"),
        ("/authorize", "/auth", "/authorize"),
        ("/sign-in", "/auth", "/sign-in"),
        ("/sign-in", "", "/sign-in"),
    ],
)
def test_a_path_is_found_below_the_root_whether_or_not_a_proxy_took_that_off(
    path: str, root: str, below: str
):
    """A page whose name begins as the root does is not cut."""
    assert path_below(path, root) == below
