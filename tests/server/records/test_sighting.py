"""One place or two: when use overlaps, and when somebody has only moved (S106)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.records.sighting import CHANGE, PAUSE, Stay, least_of

HOME, OFFICE = "192.0.2.7", "198.51.100.9"
MOMENTS = st.lists(st.integers(0, 3 * PAUSE), min_size=1, max_size=12)


def stay(place: str, first: int, last: int | None = None) -> Stay:
    return Stay(place, first, first if last is None else last, 1)


def stayed(place: str, moments: list[int]) -> Stay:
    """What is kept of single sightings that come in this order."""
    whole = stay(place, moments[0])
    for moment in moments[1:]:
        whole = whole.going_on(stay(place, moment))
    return whole


@given(MOMENTS, MOMENTS)
def test_one_move_is_never_two_places(before: list[int], after: list[int]):
    """S106: a phone that leaves the Wi-Fi; what is on its way may take some seconds."""
    moved = max(before) + 1
    home = stayed(HOME, before)
    away = stayed(OFFICE, [moved + moment for moment in after])
    assert not home.overlaps(away)
    late = Stay(home.place, home.first, away.first + CHANGE, 1)
    assert not late.overlaps(away)
    assert not away.overlaps(late)


@given(st.integers(0, PAUSE), st.data())
def test_use_that_alternates_is_two_places(begin: int, data: st.DataObject):
    """S106: used at home, away, and at home again, with no long pause at home."""
    away = data.draw(st.integers(begin + CHANGE + 1, begin + PAUSE))
    again = data.draw(st.integers(away + CHANGE + 1, away + PAUSE))
    moments = [begin, away, again]
    order = data.draw(st.permutations([moments[0], *range(begin, again, PAUSE // 3), again]))
    home = stayed(HOME, sorted(order))
    assert home.overlaps(stay(OFFICE, away))
    assert stay(OFFICE, away).overlaps(home)


@given(st.permutations(list(range(0, 3 * PAUSE, PAUSE // 2))))
def test_it_does_not_matter_in_which_order_guards_tell(order: list[int]):
    """So long as none tells of what lies a pause back: then it is history."""
    near = [moment for moment in order if moment <= PAUSE]
    assert stayed(HOME, near) == stayed(HOME, sorted(near))


@given(MOMENTS, MOMENTS, st.sampled_from([HOME, OFFICE, "2001:db8::1", "2001:db9::1", ""]))
def test_the_rule_is_the_same_both_ways(one: list[int], two: list[int], place: str):
    ours, theirs = stayed(HOME, one), stayed(place, two)
    assert ours.overlaps(theirs) == theirs.overlaps(ours)
    assert not ours.overlaps(ours)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (HOME, "192.0.2.200"),
        ("2001:db8:1::1", "2001:db8:1:ffff::1"),
        (HOME, "2001:db8::1"),
        (HOME, ""),
        ("", "nowhere"),
    ],
)
def test_these_are_not_two_places(one: str, two: str):
    """A carrier that changes addresses; a computer with IPv4 and IPv6; what nobody knows."""
    assert not stay(one, 0, 1000).overlaps(stay(two, 0, 1000))


def test_two_networks_are():
    assert stay(HOME, 0, 100).overlaps(stay(OFFICE, 50))
    assert stay("2001:db8:1::1", 0, 100).overlaps(stay("2001:db8:2::1", 50))


def test_after_a_pause_a_stay_begins_anew():
    """Wi-Fi in the morning, mobile at noon, Wi-Fi in the evening are three stays of one phone."""
    morning, evening = stay(HOME, 0, 60), stay(HOME, 60 + PAUSE + 1)
    assert morning.going_on(evening) == evening
    assert not morning.going_on(evening).overlaps(stay(OFFICE, 200))
    assert evening.going_on(morning) == evening
    both = morning.going_on(stay("192.0.2.8", 60 + PAUSE))
    assert both == Stay("192.0.2.8", 0, 60 + PAUSE, 2)


def test_what_makes_room_is_over_or_matters_least():
    """S106: the place where a token is used most stays."""
    busy, idle, over = Stay(HOME, 0, 900, 50), Stay(OFFICE, 890, 900, 2), Stay("10.0.0.1", 0, 9, 99)
    assert least_of([busy, idle, over], 900) == over
    assert least_of([busy, idle], 900) == idle
    assert least_of([busy, Stay(OFFICE, 890, 899, 2), idle], 900).last == 899
