"""Random names."""

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named, new_handles
from counterfoil.server.records.store import Transaction
from tests.installation import Installation


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


@pytest.mark.anyio
@pytest.mark.parametrize("count", [0, 1, 2, 100])
async def test_many_names_are_spelled_as_one_is(place: Installation, count: int):
    async def work(tx: Transaction) -> list[str]:
        return new_handles(tx, count)

    names = await place.authority.store.read(work)
    contents = [urlsafe_b64decode(name + "==") for name in names]
    assert {len(content) for content in contents} <= {HANDLE_BYTES}
    assert list(map(named, contents)) == names
    assert len(set(names)) == count
