"""Which tokens were too long, as one process remembers it."""

from counterfoil.server.protocol.token_sizes import TokenSizes, TooLong


def test_the_longest_of_each_client_is_kept_for_each_api():
    sizes = TokenSizes()
    assert sizes.note("a", TooLong("one", 1500, 10))
    assert not sizes.note("a", TooLong("one", 1700, 20))
    assert not sizes.note("a", TooLong("one", 1600, 30))
    assert sizes.note("a", TooLong("two", 1800, 40))
    assert sizes.note("b", TooLong("one", 1900, 50)), "another API is another matter"
    assert sizes.of_api("a") == [TooLong("two", 1800, 40), TooLong("one", 1700, 20)]
    assert sizes.of_api("c") == []


def test_it_does_not_grow_without_end():
    sizes = TokenSizes()
    for number in range(10_001):
        sizes.note("a", TooLong(str(number), 1500, number))
    assert len(sizes.of_api("a")) == 10_000
    assert sizes.note("a", TooLong("0", 1500, 0)), "the oldest made room"
