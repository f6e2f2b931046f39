"""Random names."""

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.protocol.identifiers import (
    HANDLE_BYTES,
    family_in,
    named,
    new_family_id,
    new_handles,
    new_token_handle,
)
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


@pytest.mark.anyio
async def test_families_of_one_second_begin_alike_and_tell_no_time(place: Installation):
    """So that they lie together; 104 bits of each are chance, and no letter counts seconds."""

    async def made(tx: Transaction, key: bytes = place.authority.keys.family_names) -> set[str]:
        return {new_family_id(key, tx) for _ in range(200)}

    beginnings = []
    for _ in range(40):
        names = await place.authority.store.read(made)
        assert len(names) == 200
        assert len({name[4:] for name in names}) == 200
        assert {len(name) for name in names} == {22}
        contents = [urlsafe_b64decode(f"{name}==") for name in names]
        assert all(len(set(octets)) > 1 for octets in list(zip(*contents, strict=True))[3:])
        (beginning,) = {name[:4] for name in names}
        beginnings.append(beginning)
        place.clock.turn(1)
    assert len(set(beginnings)) == 40
    assert beginnings != sorted(beginnings)
    place.clock.turn(-40)
    early = int(place.clock()) + 5
    place.clock.turn(-early)
    assert len(await place.authority.store.read(made)) == 200, "a clock before 1970 stops nobody"
    place.clock.turn(early)
    other = await place.authority.store.read(lambda tx: made(tx, b"\x01" * 32))
    assert {name[:4] for name in other} != {beginnings[0]}, "who has not the key knows nothing"
    again = await place.authority.store.read(made)
    assert {name[:4] for name in again} == {beginnings[0]}, "every server begins them alike"


@pytest.mark.anyio
async def test_a_family_is_read_from_the_fingerprint_of_its_token(place: Installation):
    async def work(tx: Transaction) -> tuple[str, str]:
        family_id = new_family_id(place.authority.keys.family_names, tx)
        return family_id, new_token_handle(tx, family_id)

    family_id, handle = await place.authority.store.read(work)
    assert family_in(handle) == family_id
