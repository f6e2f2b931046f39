"""On which ways a bearer token may travel (RFC 6750 §5.3)."""

import pytest

from counterfoil.guard.asgi import request_of
from counterfoil.guard.transport import Transport, has_token_in_query

PROTO = b"x-forwarded-proto"
FOR = (b"x-forwarded-for", b"198.51.100.7")


def is_safe(client: object, *headers: tuple[bytes, bytes], scheme: str = "http") -> bool:
    transport = Transport(("127.0.0.1", "10.0.0.0/8", "2001:db8::/32"))
    return transport.is_safe(request_of({"scheme": scheme, "client": client, "headers": headers}))


@pytest.mark.parametrize("scheme", ["https", "wss"])
def test_tls_is_safe(scheme: str):
    assert is_safe(("198.51.100.7", 1), scheme=scheme)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.4.4.4", "::1"])
def test_what_never_left_this_machine_is_safe(host: str):
    assert is_safe((host, 1))


@pytest.mark.parametrize("client", [("198.51.100.7", 1), ("10.0.0.1", 1), ("testclient", 1), None])
def test_plain_http_from_elsewhere_is_not(client: object):
    """S94: also from a proxy that says nothing."""
    assert not is_safe(client)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "2001:db8::7"])
def test_a_named_proxy_is_believed(host: str):
    assert is_safe((host, 1), FOR, (PROTO, b"https"))
    assert is_safe((host, 1), (b"forwarded", b"for=x;proto=https;by=y"))
    assert is_safe((host, 1), (b"forwarded", b'for=x;Proto="HTTPS"'))
    assert is_safe((host, 1), (PROTO, b"http, https"))
    assert not is_safe((host, 1), FOR, (PROTO, b"http"))
    assert not is_safe((host, 1), (b"forwarded", b"for=x;proto=http"))


@pytest.mark.parametrize("host", ["198.51.100.7", "192.168.0.1", "::1", "testclient"])
def test_nobody_else_is_believed(host: str):
    """A header that anyone can write is no proof; ::1 is not among the named ones here."""
    assert not is_safe((host, 1), (PROTO, b"https"))


@pytest.mark.parametrize(
    "headers",
    [
        [FOR],
        [(PROTO, b"")],
        [(PROTO, b"https, http")],
        [(PROTO, b"https"), (PROTO, b"http")],
        [(PROTO, b"https"), (b"forwarded", b"proto=http")],
        [(b"forwarded", b"for=x")],
        [(b"forwarded", b"xproto=https")],
    ],
)
def test_a_forwarded_request_needs_a_clear_word(headers: list[tuple[bytes, bytes]]):
    """From loopback it came through a proxy: without https it travelled in the open."""
    assert not is_safe(("127.0.0.1", 1), *headers)


def test_a_proxy_is_an_address_or_a_network():
    with pytest.raises(ValueError, match="proxy"):
        Transport(("proxy.example",))


@pytest.mark.parametrize(
    "query", [b"access_token=x", b"a=1&access_token=x", b"access%5Ftoken=x", b"access_token="]
)
def test_a_token_in_the_url_is_seen(query: bytes):
    """RFC 9700 §4.3.2: it would stand in logs and caches (S99)."""
    assert has_token_in_query(query)


@pytest.mark.parametrize("query", [b"", b"token=x", b"q=access_token", b"access_token_type=x"])
def test_other_parameters_are_none(query: bytes):
    assert not has_token_in_query(query)


def url_of(*headers: tuple[bytes, bytes], public_url: str = "", **scope: object) -> str:
    transport = Transport(("127.0.0.1",))
    usual = {"scheme": "http", "client": ("198.51.100.7", 1), "path": "/notes"}
    return transport.url_of(request_of(usual | scope | {"headers": headers}), public_url)


HOST = (b"host", b"api.example:8000")
FORWARDED_HOST = (b"x-forwarded-host", b"api.example")


@pytest.mark.parametrize(
    ("scheme", "seen"), [("http", "http"), ("https", "https"), ("ws", "http"), ("wss", "https")]
)
def test_the_url_is_that_of_the_request(scheme: str, seen: str):
    """RFC 9110 §7.1; RFC 9449 §4.3 compares it with that of the proof."""
    assert url_of(HOST, scheme=scheme) == f"{seen}://api.example:8000/notes"


def test_the_path_is_as_it_was_sent():
    assert url_of(HOST, raw_path=b"/a%2Fb?x=1", path="/a/b").endswith(":8000/a%2Fb")
    assert url_of(HOST, path="/\u00e4 %").endswith(":8000/%C3%A4%20%25")


def test_a_named_proxy_says_what_the_client_saw():
    proxy = {"client": ("127.0.0.1", 1)}
    seen = "https://api.example/notes"
    assert url_of(HOST, FORWARDED_HOST, (PROTO, b"https"), **proxy) == seen
    assert url_of(HOST, (b"forwarded", b"for=x;host=api.example;proto=https"), **proxy) == seen
    assert url_of(HOST, (PROTO, b"https"), **proxy) == "https://api.example:8000/notes"
    assert url_of(HOST, **proxy) == "http://api.example:8000/notes"


@pytest.mark.parametrize("query", [b"%C2%80=", b"\xff=1", b"%FF%FE=%00", b"\xc3\xa4=1&%=2"])
def test_a_query_of_any_bytes_is_read(query: bytes):
    """A stranger's bytes are not a mistake of ours: the API answers, and finds a token in them."""
    assert not has_token_in_query(query)
    assert has_token_in_query(query + b"&access_token=x")


def test_nobody_else_says_where_a_request_went():
    assert url_of(HOST, FORWARDED_HOST, (PROTO, b"https")) == "http://api.example:8000/notes"
    assert url_of(HOST, FORWARDED_HOST, client=None) == "http://api.example:8000/notes"


@pytest.mark.parametrize("hosts", [(), (HOST, (b"host", b"evil.example"))])
def test_what_is_not_clear_has_no_url(hosts: tuple[tuple[bytes, bytes], ...]):
    assert url_of(*hosts) == ""


def test_the_owners_word_comes_first():
    """Whatever the Host header says, which the caller writes."""
    for public_url in ("https://api.example/v1", "https://api.example/v1/"):
        assert url_of(HOST, public_url=public_url) == "https://api.example/v1/notes"


FORWARDED = b"x-forwarded-for"


def place_of(client: object, *headers: tuple[bytes, bytes]) -> str:
    transport = Transport(("127.0.0.1", "10.0.0.0/8"))
    return transport.place_of(request_of({"client": client, "headers": headers}))


@pytest.mark.parametrize(
    ("client", "headers", "place"),
    [
        (("192.0.2.7", 1), (), "192.0.2.7"),
        (("10.0.0.1", 1), ((FORWARDED, b"192.0.2.7"),), "192.0.2.7"),
        (("10.0.0.1", 1), ((FORWARDED, b"1.1.1.1"), (FORWARDED, b"192.0.2.7")), "192.0.2.7"),
        (("127.0.0.1", 1), ((FORWARDED, b"1.1.1.1, 192.0.2.7, 10.0.0.9"),), "192.0.2.7"),
        (("10.0.0.1", 1), (), "10.0.0.1"),
        (("10.0.0.1", 1), ((b"forwarded", b"for=1.1.1.1"),), "10.0.0.1"),
        (["192.0.2.7", 1], (), "192.0.2.7"),
        (None, ((FORWARDED, b"192.0.2.7"),), ""),
        (("", 0), ((FORWARDED, b"192.0.2.7"),), ""),
    ],
)
def test_where_a_request_comes_from(
    client: object, headers: tuple[tuple[bytes, bytes], ...], place: str
):
    """S106: forwarded addresses count from named proxies alone; the nearest stranger counts."""
    assert place_of(client, *headers) == place


@pytest.mark.parametrize("host", ["192.0.2.7", "::1", "testclient"])
@pytest.mark.parametrize("header", [FORWARDED, b"forwarded", b"x-real-ip"])
def test_nobody_says_of_themselves_where_they_are(host: str, header: bytes):
    assert place_of((host, 1), (header, b"203.0.113.9")) == host


def test_addresses_that_were_looked_at_are_forgotten_in_time():
    """Whoever comes from very many fills no memory; who is a proxy is known all the same."""
    transport = Transport(("10.0.0.0/8",))
    for number in range(3000):
        assert not transport.is_proxy(f"198.51.{number >> 8}.{number & 255}")
    assert transport.is_proxy("10.1.2.3")
    assert len(transport._are_proxies) <= 1024
