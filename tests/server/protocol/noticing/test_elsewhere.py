"""Weighing tokens that are used elsewhere: how far apart, and whose places they are."""

import pytest

from counterfoil.server.protocol.noticing.elsewhere import FAR, refresh, two_places
from counterfoil.server.records.habits import DAY, HOUR, NO_HABITS, Stood
from counterfoil.server.records.place import NOWHERE, Place, Point

NOW = 1_800_000_000
BERLIN = Place("DE", "Berlin", "Germany", Point(52.52, 13.4, 20))
POTSDAM = Place("DE", "Potsdam", "Germany", Point(52.4, 13.06, 20))
SYDNEY = Place("AU", "Sydney", "Australia", Point(-33.87, 151.2, 20))
GERMANY, FRANCE = Place("DE", "", "Germany"), Place("FR", "", "France")
MIDDLE = Place("DE", "", "Germany", Point(51, 9, 200))
BOTH = NO_HABITS
for day in range(3):
    BOTH = BOTH.learned("a", BERLIN, NOW + day * DAY).learned("b", SYDNEY, NOW + day * DAY)


@pytest.mark.parametrize(
    ("one", "other", "score"),
    [
        (BERLIN, SYDNEY, FAR),
        (GERMANY, FRANCE, 65),
        (BERLIN, FRANCE, 65),
        (BERLIN, POTSDAM, 35),
        (BERLIN, BERLIN, 35),
        (MIDDLE, BERLIN, 35),
        (BERLIN, NOWHERE, 40),
        (NOWHERE, NOWHERE, 40),
    ],
)
def test_what_is_far_apart_weighs_most(one: Place, other: Place, score: int):
    """S106, S107: the same, whichever came first."""
    assert two_places(NO_HABITS, one, other).score == score
    assert two_places(NO_HABITS, other, one).score == score
    assert two_places(NO_HABITS, one, other).what == two_places(NO_HABITS, other, one).what


def test_the_reason_has_the_distance():
    assert two_places(NO_HABITS, BERLIN, SYDNEY).reasons == (
        "One token was used in two networks at once.",
        "Berlin, Germany and Sydney, Australia are 16054 km apart at least.",
    )


def test_a_vpn_that_is_used_for_a_part_of_it_weighs_little():
    """Somebody who signs in from both on many days."""
    found = two_places(BOTH, BERLIN, SYDNEY)
    assert found.score == 30
    assert found.reasons[-1] == "The person has signed in from both, on several days."


def test_one_own_place_is_not_enough():
    """A thief is in one of them, and the owner in the other."""
    assert two_places(BOTH, BERLIN, Place("US", "New York", "", Point(40.7, -74, 20))).score == FAR


def test_a_refresh_from_where_nobody_can_be_is_told():
    found = refresh(NO_HABITS, Stood(BERLIN, NOW), Stood(SYDNEY, NOW + HOUR))
    assert found is not None
    assert found.score >= 70


@pytest.mark.parametrize(
    ("one", "other", "seconds"),
    [(BERLIN, SYDNEY, 24 * HOUR), (BERLIN, POTSDAM, 0), (BERLIN, NOWHERE, 0)],
)
def test_a_phone_that_travels_is_none(one: Place, other: Place, seconds: int):
    assert refresh(NO_HABITS, Stood(one, NOW), Stood(other, NOW + seconds)) is None


def test_a_phone_that_comes_back_to_a_place_of_its_owner_is_none():
    assert refresh(BOTH, Stood(BERLIN, NOW), Stood(SYDNEY, NOW + HOUR)) is None
