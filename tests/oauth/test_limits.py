"""What a token with limits may do: what is named, up to its amount, and nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.limits import (
    MOST_AMOUNT,
    Act,
    Limit,
    are_within,
    limit_for,
    name_each_once,
    narrowest,
)

TRANSFER = {
    "type": "counterfoil_limit",
    "action": "transfer",
    "unit": "EUR",
    "per_transaction": 2500,
    "until": 1000,
}


def within(details: object, *given: Any, now: float = 10) -> bool:
    return limit_for(details, Act(*given), now) is not None


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
        [TRANSFER] * 2,
        [TRANSFER | {"count": 0}],
        [TRANSFER | {"count": "3"}],
        [TRANSFER | {"sum": 1.5}],
    ],
)
def test_what_cannot_be_read_permits_nothing(details: object):
    assert not within(details, "transfer", 1, "EUR")


def test_an_action_is_named_once_in_a_unit():
    one = msgspec.convert(TRANSFER, Limit)
    other = msgspec.structs.replace(one, unit="USD")
    assert name_each_once([one, other])
    assert not name_each_once([one, other, one])


def limit(**members: Any) -> Limit:
    return Limit(type="counterfoil_limit", **({"action": "transfer", "unit": "EUR"} | members))


def test_no_more_at_a_time_than_there_is_in_all():
    assert within([{"type": "counterfoil_limit", "action": "pay", "sum": 10}], "pay", 10)
    assert not within([{"type": "counterfoil_limit", "action": "pay", "sum": 10}], "pay", 11)


def test_what_is_counted_has_names_that_no_other_limit_has():
    one, other = limit(count=3, sum=10), limit(action="transfer:x", unit="")
    assert dict(one.allowances) == {"count:transfer/EUR": 3, "sum:transfer/EUR": 10}
    assert (one.is_counted, other.is_counted, list(other.allowances)) == (True, False, [])


def test_of_several_the_narrower_of_each_member_holds():
    """S15: whatever one does not name, none may do; an empty answer permits nothing at all."""
    some = (limit(per_transaction=10, count=5), limit(action="close"))
    others = (limit(per_transaction=20, until=9, count=2), limit(action="open"))
    assert narrowest(some, None, others) == (limit(per_transaction=10, until=9, count=2),)
    assert narrowest(some, (limit(action="open"),)) == ()
    assert narrowest(None, some) == some
    assert narrowest(None, None) is None


_MEMBERS = st.fixed_dictionaries(
    {}, optional={name: st.integers(1, 5) for name in ("per_transaction", "until", "count", "sum")}
)


@given(_MEMBERS, _MEMBERS, st.integers(0, 6), st.integers(0, 6))
def test_what_both_permit_neither_forbids(
    some: dict[str, int], others: dict[str, int], amount: int, now: int
):
    one, other = limit(**some), limit(**others)
    both = one.within(other)
    assert both == other.within(one)
    assert both.permits(amount, now) is (one.permits(amount, now) and other.permits(amount, now))
    assert are_within([both], [one])
    assert are_within([both], [other])


def test_more_than_is_permitted_cannot_be_asked_for():
    permitted = [limit(per_transaction=10, until=9, count=3, sum=20)]
    assert are_within([limit(per_transaction=10, until=9, count=3, sum=20)], permitted)
    assert are_within([limit()], permitted)
    assert are_within([], permitted)
    assert are_within([limit(per_transaction=99)], None)
    assert are_within([limit(count=3)], [limit()])
    for wider in ({"per_transaction": 11}, {"until": 10}, {"count": 4}, {"sum": 21}):
        assert not are_within([limit(**wider)], permitted)
    assert not are_within([limit(unit="USD")], permitted)
    assert not are_within([limit(), limit(action="close")], permitted)
