"""Tokens that were verified, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard.token_cache import TokenCache


@given(st.lists(st.integers(0, 30)), st.integers(1, 10))
def test_what_is_found_is_what_was_put(numbers: list[int], size: int):
    cache = TokenCache(size)
    for number in numbers:
        key = str(number).encode()
        found = cache.get(key)
        assert found is None or found == number
        cache.put(key, number)
        assert cache.get(key) == number
        assert len(cache) <= size + 2


def test_what_is_used_stays():
    cache = TokenCache(10)
    cache.put(b"used", 1)
    for number in range(1000):
        assert cache.get(b"used") == 1
        cache.put(str(number).encode(), number)
    assert cache.get(b"3") is None
