"""Rates let nobody come more often than stated, and turn away nobody who keeps to it."""

import math
import random
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.oauth.errors import TooManyRequests
from counterfoil.server.protocol.rates import ClientRates, Once, Rates, key_of
from counterfoil.server.records.policy import ClientPolicy
from tests.storage.samples import client

NOW = 1_800_000_000.0
SALT = bytes(16)


@given(
    per_minute=st.integers(1, 300),
    pauses=st.lists(st.floats(0, 20, allow_nan=False), max_size=200),
)
def test_nobody_comes_more_often_than_stated_in_any_span(
    per_minute: int, pauses: list[float]
) -> None:
    """A minute's worth at once, then as many as the time that has passed allows."""
    rates, now, let_in = Rates(SALT, 64), NOW, list[float]()
    for pause in pauses:
        now += pause
        if not rates.take("caller", now, per_minute):
            let_in.append(now)
    for first, begun in enumerate(let_in):
        for last in range(first, len(let_in)):
            allowed = per_minute * (1 + (let_in[last] - begun) / 60)
            assert last - first + 1 <= allowed + 0.51, "half a turn is for rounding"


@given(
    per_minute=st.integers(1, 300),
    pauses=st.lists(st.floats(0, 120, allow_nan=False), max_size=200),
)
def test_who_keeps_to_the_rate_is_never_turned_away(per_minute: int, pauses: list[float]) -> None:
    rates, now = Rates(SALT, 64), NOW
    for pause in pauses:
        now += 60 / per_minute + pause
        assert rates.take("caller", now, per_minute) == 0.0


@given(per_minute=st.integers(1, 300), more=st.integers(1, 50))
def test_who_waits_as_told_is_let_in(per_minute: int, more: int) -> None:
    """And it counts nothing to be turned away: impatience costs nothing."""
    rates = Rates(SALT, 64)
    for _ in range(per_minute):
        assert rates.take("caller", NOW, per_minute) == 0.0
    waits = {rates.take("caller", NOW, per_minute) for _ in range(more)}
    (wait,) = waits
    assert 0 < wait <= 60 / per_minute + 1e-4, "as near as a clock tells"
    assert rates.take("caller", NOW + wait, per_minute) == 0.0


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_a_flood_from_everywhere_takes_no_memory_and_shuts_hardly_anyone_out(seed: int) -> None:
    """Each address of a flood uses up all that it may: the others meet two of them by chance."""
    dice, cells = random.Random(seed), 1024
    rates = Rates(dice.randbytes(16), cells)
    before = rates._one, rates._other
    for number in range(cells // 20):
        for _ in range(6):
            rates.take(f"attacker {number}", NOW, 5)
    turned_away = sum(rates.take(f"honest {number}", NOW, 5) > 0 for number in range(1000))
    assert turned_away < 15, "one in twenty of each row is used up: one in four hundred of both"
    assert all(now is then for now, then in zip((rates._one, rates._other), before, strict=True))
    assert [each.nbytes for each in before] == [8 * cells] * 2


def test_nobody_knows_whose_cells_they_share() -> None:
    """Two servers, or one started anew, have others: a collision is not found beforehand."""

    def shut_out(salt: bytes) -> set[int]:
        rates = Rates(salt, 64)
        for number in range(30):
            rates.take(f"attacker {number}", NOW, 1)
        return {n for n in range(200) if rates.take(f"honest {n}", NOW, 1)}

    assert shut_out(secrets.token_bytes(16)) != shut_out(secrets.token_bytes(16))


@pytest.mark.parametrize("back", [120.0, 1e6])
def test_a_clock_that_is_set_back_shuts_nobody_out(back: float) -> None:
    rates = Rates(SALT, 64)
    for _ in range(6):
        rates.take("caller", NOW, 5)
    assert rates.take("caller", NOW, 5) > 0
    assert rates.take("caller", NOW - back, 5) == 0.0


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:0:1::", "2001:0DB8::1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "192.0.2.1", False),
        ("not:an:address", "not:another:address", False),
    ],
)
def test_an_ipv6_network_of_64_bits_is_one_caller(address: str, other: str, same: bool) -> None:
    assert (key_of(address) == key_of(other)) is same


def test_a_client_with_a_secret_is_held_to_its_rate_and_others_are_not() -> None:
    """Where its policy says nothing, the setting does; 0 is no limit."""
    rates = ClientRates(Rates(SALT), 2)
    usual, busy = client(client_id="usual"), client(client_id="busy")
    allowed = ClientPolicy(rate_per_minute=4)
    for each, times in ((usual, 2), (client(client_id="busy", policy=allowed), 4)):
        for _ in range(times):
            rates.demand(each, NOW)
        with pytest.raises(TooManyRequests) as refused:
            rates.demand(each, NOW)
        assert refused.value.retry_after == math.ceil(60 / times)
    for _ in range(9):
        ClientRates(Rates(SALT), 0).demand(busy, NOW)


def test_who_names_a_public_client_uses_up_nothing() -> None:
    rates = ClientRates(Rates(SALT), 1)
    for _ in range(9):
        rates.demand(client(public=True), NOW)


def test_a_request_counts_once_however_often_its_work_is_run() -> None:
    rates = ClientRates(Rates(SALT), 2)
    for _ in range(2):
        once = Once(rates)
        for _ in range(3):
            once.demand(client(), NOW)
    late = Once(rates)
    for _ in range(2):
        with pytest.raises(TooManyRequests):
            late.demand(client(), NOW)
