"""Token Status Lists: the examples of the draft, and lists that nobody honest would publish."""

import random
import tracemalloc
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.status_list import (
    MOST_BYTES,
    WrongStatusList,
    bits_of,
    compressed,
    decompressed,
    is_set,
    value_at,
)

SHORT = "eNrbuRgAAhcBXQ"
LONG = (
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogE"
    "AAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAA"
    "A7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAA"
    "ACAZC8L2AEb"
)
LONG_SET = {0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345}


def test_the_short_example_of_the_draft():
    """§4.1: sixteen tokens in the bytes B9 A3."""
    statuses = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    bits = bits_of((index for index, status in enumerate(statuses) if status), 16)
    assert bits == b"\xb9\xa3"
    assert compressed(bits) == SHORT
    assert [is_set(decompressed(SHORT), index) for index in range(16)] == [*map(bool, statuses)]


def test_the_long_example_of_the_draft():
    """Its test vectors: 2**20 tokens, eleven of which are invalid."""
    bits = decompressed(LONG)
    assert bits == bits_of(LONG_SET, 2**20)
    assert {index for index in range(2**20) if bits[index >> 3] and is_set(bits, index)} == LONG_SET


@given(st.sets(st.integers(0, 999)))
def test_what_is_packed_comes_out_again(indexes: set[int]):
    packed = compressed(bits_of(indexes, 1000))
    assert zlib.decompress(urlsafe_b64decode(packed + "==")) == bits_of(indexes, 1000)
    bits = decompressed(packed)
    assert {index for index in range(1000) if is_set(bits, index)} == indexes


@pytest.mark.parametrize("index", [-1, 16, 10**9])
def test_an_index_outside_the_list_is_no_statement(index: int):
    """§8.3: fail where the index is out of bounds; a negative one counts from no end."""
    with pytest.raises(WrongStatusList):
        is_set(decompressed(SHORT), index)
    with pytest.raises(ValueError, match="outside"):
        bits_of([index], 16)


def test_a_decompression_bomb_is_never_unpacked():
    """A hundred megabytes in a hundred kilobytes: what is made of them is bounded."""
    bomb = urlsafe_b64encode(zlib.compress(bytes(100_000_000), 9)).rstrip(b"=").decode()
    tracemalloc.start()
    try:
        with pytest.raises(WrongStatusList, match="longer"):
            decompressed(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert len(decompressed(compressed(bytes(MOST_BYTES)))) == MOST_BYTES
    with pytest.raises(WrongStatusList, match="longer"):
        decompressed(compressed(bytes(MOST_BYTES + 1)))


def test_what_is_cut_off_or_goes_on_is_refused():
    packed = urlsafe_b64decode(SHORT + "==")
    for other in (packed[:-1], packed[:2], packed + b"\0", packed + packed, b""):
        with pytest.raises(WrongStatusList):
            decompressed(urlsafe_b64encode(other).rstrip(b"=").decode())


def test_any_text_is_read_or_refused():
    chance = random.Random(7)
    packed = urlsafe_b64decode(SHORT + "==")
    for _ in range(500):
        altered = bytearray(packed)
        altered[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)
        with suppress(WrongStatusList):  # a bit that no block uses may be any
            spelled = urlsafe_b64encode(altered).rstrip(b"=").decode()
            assert decompressed(spelled) == b"\xb9\xa3"
    for text in ("", "=", "é", "\ud800", "eNrbuRgAAhcBXQ==", "eNrbuRgAAhcBX Q", "x" * 9999):
        with pytest.raises(WrongStatusList):
            decompressed(text)


@pytest.mark.parametrize(
    ("width", "values"),
    [
        (1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        (2, [1, 2, 3, 2, 3, 0, 2, 2]),
        (4, [9, 11, 3, 10]),
        (8, [0xB9, 0xA3]),
    ],
)
def test_a_token_may_have_more_bits_than_one(width: int, values: list[int]):
    """§4.1: the bytes B9 A3 (10111001 10100011), the lowest bits of each first."""
    assert [value_at(b"\xb9\xa3", index, width) for index in range(16 // width)] == values
    for index in (-1, 16 // width):
        with pytest.raises(WrongStatusList, match="does not reach"):
            value_at(b"\xb9\xa3", index, width)
