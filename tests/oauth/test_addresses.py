"""Addresses: one spelling for each, and the network that counts as one place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.addresses import network_of, place_of


@given(st.ip_addresses())
def test_every_address_has_one_spelling(address: Any):
    place = place_of(str(address))
    assert place
    assert place_of(place) == place


@given(st.text())
def test_what_is_no_address_is_no_place(text: str):
    """And whatever comes out is plain."""
    place = place_of(text)
    assert set(place) <= set("0123456789abcdef.:")
    assert place_of(place) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("testclient", ""),
        ("192.0.2.7:443", ""),
        ("", ""),
    ],
)
def test_places_are_spelled_as_usual(text: str, place: str):
    assert place_of(text) == place


@pytest.mark.parametrize(
    ("place", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("192.0.3.7", "192.0.3.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("nowhere", "nowhere"),
    ],
)
def test_a_network_is_one_place(place: str, network: str):
    assert network_of(place) == network
