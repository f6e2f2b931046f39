"""What a token with limits may do: what is named, up to its amount, and nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.limits import MOST_AMOUNT, Act, Limit, are_within, name_each_once

TRANSFER = {
    "type": "counterfoil_limit",
    "action": "transfer",
    "unit": "EUR",
    "per_transaction": 2500,
    "until": 1000,
}


def within(details: object, *given: Any, now: float = 10) -> bool:
    return are_within(details, Act(*given), now)


@given(st.integers(-10, 2 * 2500))
def test_an_amount_counts_up_to_the_greatest(amount: int):
    """S15."""
    assert within([TRANSFER], "transfer", amount, "EUR") is (0 <= amount <= 2500)


def test_it_ends_with_its_last_second():
    assert within([TRANSFER], "transfer", 1, "EUR", now=999.9)
    assert not within([TRANSFER], "transfer", 1, "EUR", now=1000)


def test_what_is_not_named_is_not_permitted():
    """RFC 9396: another action, unit, or a case of letters."""
    for act in (
        ("refund", 1, "EUR"),
        ("transfer", 1, "USD"),
        ("transfer", 1),
        ("Transfer", 1, "EUR"),
    ):
        assert not within([TRANSFER], *act)
    assert not within([], "transfer", 1, "EUR")


@pytest.mark.parametrize(
    "amount", [-1, 2.0, 2.5, True, "1", None, float("nan"), MOST_AMOUNT + 1, 10**400, [1], "1e3"]
)
def test_an_amount_is_a_whole_number_whoever_sent_it(amount: object):
    free = {"type": "counterfoil_limit", "action": "transfer", "unit": "EUR"}
    assert within([free], "transfer", 1, "EUR")
    assert not within([free], "transfer", amount, "EUR")


@pytest.mark.parametrize(
    "details",
    [
        "all",
        {},
        [TRANSFER | {"type": "other"}],
        [TRANSFER | {"per_day": 1}],
        [TRANSFER, {"type": "other"}],
        [TRANSFER | {"per_transaction": 1e9}],
        [TRANSFER | {"per_transaction": -1}],
        [TRANSFER] * 33,
    ],
)
def test_what_cannot_be_read_permits_nothing(details: object):
    assert not within(details, "transfer", 1, "EUR")


def test_an_action_is_named_once_in_a_unit():
    one = msgspec.convert(TRANSFER, Limit)
    other = msgspec.structs.replace(one, unit="USD")
    assert name_each_once([one, other])
    assert not name_each_once([one, other, one])
