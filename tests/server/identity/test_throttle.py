"""Making guessing slow: the rate of an address, and the locks of an account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.identity.throttle import Throttle, locked_until, source_of
from counterfoil.server.settings import Settings

NOW = 1_800_000_000.0


def comings(throttle: Throttle, address: str, now: float, tries: int) -> int:
    let_through = 0
    for _ in range(tries):
        if throttle.allows(address, now):
            throttle.count(address, now)
            let_through += 1
    return let_through


@pytest.mark.parametrize("per_minute", [1, 7, 9, 30, 50, 60, 600, 9999])
def test_a_minutes_worth_is_let_through_at_once_and_not_one_more(per_minute: int):
    throttle = Throttle(per_minute)
    assert comings(throttle, "192.0.2.1", NOW, per_minute + 3) == per_minute
    assert comings(throttle, "192.0.2.2", NOW, 1) == 1


def test_afterwards_one_is_let_through_for_each_turn():
    throttle = Throttle(30)
    comings(throttle, "a", NOW, 30)
    assert throttle.wait("a", NOW) == pytest.approx(2)
    assert comings(throttle, "a", NOW + 0.9, 5) == 0
    assert comings(throttle, "a", NOW + 2, 5) == 1
    assert comings(throttle, "a", NOW + 62, 50) == 30


@given(
    st.integers(1, 100),
    st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=200),
)
def test_in_no_minute_more_than_two_minutes_worth_is_let_through(
    per_minute: int, pauses: list[float]
):
    throttle, now, times = Throttle(per_minute), NOW, []
    for pause in pauses:
        now += pause
        times += [now] * comings(throttle, "a", now, 3)
    for start in times:
        assert len([at for at in times if start <= at < start + 60]) <= 2 * per_minute + 1


def test_nobody_falls_behind_by_more_than_one_turn_however_much_fails():
    throttle = Throttle(30)
    for _ in range(10_000):
        throttle.count("a", NOW)
    assert throttle.wait("a", NOW) <= 2
    assert throttle.allows("a", NOW + 2)


def test_asking_counts_nothing():
    throttle = Throttle(1)
    assert all(throttle.allows("a", NOW) for _ in range(5))
    assert len(throttle) == 0


def test_memory_is_bounded_and_the_most_restrained_are_remembered():
    throttle = Throttle(30, most=100)
    comings(throttle, "192.0.2.1", NOW, 30)
    for number in range(5000):
        throttle.count(f"198.51.{number >> 8}.{number & 255}", NOW)
        assert len(throttle) <= 100
    assert not throttle.allows("192.0.2.1", NOW)


def test_who_came_long_ago_leaves_first():
    throttle = Throttle(30, most=10)
    for number in range(10):
        throttle.count(f"192.0.2.{number}", NOW)
    throttle.count("198.51.100.1", NOW + 3600)
    assert len(throttle) == 1


def test_an_ipv6_network_counts_as_one_address():
    throttle = Throttle(3)
    assert sum(comings(throttle, f"2001:db8::{tail}", NOW, 1) for tail in range(9)) == 3
    assert comings(throttle, "2001:db8:0:1::1", NOW, 1) == 1


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "unknown"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_what_counts_as_one_source(address: str, source: str):
    assert source_of(address) == source


RULES = Settings(sign_in_tries=5, sign_in_lock=10, sign_in_lock_most=300)


def test_locks_double_up_to_the_longest():
    """S104: guessing is hopeless, and nobody can lock a person out for good."""
    locks = [locked_until(failures, 1000, RULES) - 1000 for failures in range(1, 13)]
    assert locks == [0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300]


@given(st.integers(0, 10**9))
def test_no_lock_is_longer_than_the_longest(failures: int):
    assert 1000 <= locked_until(failures, 1000, RULES) <= 1300


def test_a_clock_that_is_set_back_locks_nobody_out():
    throttle = Throttle(30)
    throttle.count("192.0.2.1", 10_000.0)
    assert throttle.allows("192.0.2.1", 10_000.0 - 3600 + 60)
    assert throttle.wait("192.0.2.1", 10_000.0 - 3600) <= 60
