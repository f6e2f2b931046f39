"""Whose request it is that comes through proxies. More of it in the reading of the server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.net.forwarded import address_behind

PROXIES = {"10.0.0.1", "10.0.0.2"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
    ],
)
def test_the_last_one_that_is_no_proxy_counts(peer: str, forwarded: list[str], expected: str):
    assert address_behind(peer, forwarded, PROXIES.__contains__) == expected


@given(st.lists(st.text()), st.lists(st.text()))
def test_what_a_stranger_writes_changes_nothing(written: list[str], added: list[str]):
    """What stands before the entry of the nearest proxy, anyone may have written."""
    assert address_behind("192.0.2.1", written + added, PROXIES.__contains__) == "192.0.2.1"
    assert address_behind("10.0.0.1", [*written, "192.0.2.1"], PROXIES.__contains__) == "192.0.2.1"
