"""Whose request it is that comes through proxies. More of it in the reading of the server."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.net.forwarded import address_behind, is_within

PROXIES = {"10.0.0.1", "10.0.0.2"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.9:443"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.9:1, 10.0.0.2:2"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:DB8::7]:443"], "2001:db8::7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, fe80::1%<b>"], "fe80::1"),
    ],
)
def test_the_last_one_that_is_no_proxy_counts(peer: str, forwarded: list[str], expected: str):
    assert address_behind(peer, forwarded, PROXIES.__contains__) == expected


@pytest.mark.parametrize(
    ("host", "within"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::5", True),
        ("11.1.2.3", False),
        ("2001:db9::5", False),
        ("10.1.2.3:443", False),
        ("unix:", False),
        ("", False),
    ],
)
def test_a_network_holds_its_addresses_however_they_are_dressed(host: str, within: bool):
    """A socket that takes both IPv4 and IPv6 shows a proxy of IPv4 as one of IPv6."""
    networks = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
    assert is_within(host, networks) == within


@given(st.lists(st.text()), st.lists(st.text()))
def test_what_a_stranger_writes_changes_nothing(written: list[str], added: list[str]):
    """What stands before the entry of the nearest proxy, anyone may have written."""
    assert address_behind("192.0.2.1", written + added, PROXIES.__contains__) == "192.0.2.1"
    assert address_behind("10.0.0.1", [*written, "192.0.2.1"], PROXIES.__contains__) == "192.0.2.1"
