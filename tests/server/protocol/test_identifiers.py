"""Random names."""

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named


@given(st.binary(min_size=HANDLE_BYTES, max_size=HANDLE_BYTES))
def test_a_name_can_stand_in_a_url(content: bytes):
    name = named(content)
    assert len(name) == 22
    assert all(c.isalnum() or c in "-_" for c in name)


@given(st.binary(max_size=32), st.binary(max_size=32))
def test_different_bytes_have_different_names(one: bytes, other: bytes):
    assert (named(one) == named(other)) == (one == other)


def test_names_are_too_many_to_guess():
    """128 bits (RFC 6749 §10.10)."""
    assert HANDLE_BYTES * 8 >= 128
