"""Whether somebody can have travelled: planes, phones, borders, and what is not sure."""

import pytest

from counterfoil.server.protocol.noticing.travel import leap
from counterfoil.server.records.habits import HOUR, Stood
from counterfoil.server.records.place import NOWHERE, Place, Point

BERLIN = Place("DE", "Berlin", "Germany", Point(52.52, 13.4, 20))
POTSDAM = Place("DE", "Potsdam", "Germany", Point(52.4, 13.06, 20))
MUNICH = Place("DE", "Munich", "Germany", Point(48.14, 11.58, 20))
SYDNEY = Place("AU", "Sydney", "Australia", Point(-33.87, 151.2, 20))
GERMANY, FRANCE = Place("DE", "", "Germany"), Place("FR", "", "France")
VAGUE = Place("AU", "", "Australia", Point(-25, 133, 1_000))
MINUTE = 60


@pytest.mark.parametrize(
    ("one", "other", "seconds", "score"),
    [
        (BERLIN, SYDNEY, 40 * MINUTE, 95),
        (BERLIN, SYDNEY, 10 * HOUR, 71),
        (BERLIN, SYDNEY, 0, 95),
        (SYDNEY, BERLIN, 40 * MINUTE, 95),
        (BERLIN, MUNICH, 10 * MINUTE, 73),
        (GERMANY, FRANCE, 20 * MINUTE, 45),
        (BERLIN, FRANCE, 20 * MINUTE, 45),
    ],
)
def test_what_nobody_travels_is_a_leap(one: Place, other: Place, seconds: int, score: int):
    """S107: and where only countries are known it weighs less."""
    found = leap(Stood(one, 1_000_000), Stood(other, 1_000_000 + seconds))
    assert found is not None
    assert found.score == score


@pytest.mark.parametrize(
    ("one", "other", "seconds"),
    [
        pytest.param(BERLIN, SYDNEY, 22 * HOUR, id="a flight"),
        pytest.param(BERLIN, MUNICH, 4 * HOUR, id="a train"),
        pytest.param(BERLIN, MUNICH, 45 * MINUTE, id="a flight within the country"),
        pytest.param(BERLIN, POTSDAM, 0, id="a phone that leaves the Wi-Fi"),
        pytest.param(BERLIN, BERLIN, 0, id="the same place"),
        pytest.param(GERMANY, FRANCE, HOUR, id="over a border"),
        pytest.param(GERMANY, GERMANY, 0, id="the same country"),
        pytest.param(GERMANY, NOWHERE, 0, id="to where nothing is known"),
        pytest.param(NOWHERE, SYDNEY, 0, id="from where nothing is known"),
        pytest.param(VAGUE, SYDNEY, 0, id="somewhere in the country"),
    ],
)
def test_what_somebody_may_travel_is_none(one: Place, other: Place, seconds: int):
    assert leap(Stood(one, 1_000_000), Stood(other, 1_000_000 + seconds)) is None


def test_a_clock_that_goes_back_is_no_time_travel():
    """Times apart count, in whatever order they come."""
    assert leap(Stood(BERLIN, 1_000_000), Stood(SYDNEY, 1_000_000 - 22 * HOUR)) is None


def test_the_reason_has_the_figures():
    found = leap(Stood(BERLIN, 0), Stood(SYDNEY, 40 * MINUTE))
    assert found is not None
    assert found.reason == (
        "Sydney, Australia is 16054 km at least from Berlin, Germany, 40 minutes before: that "
        "would be 24081 km/h, and airliners fly 900."
    )
    slower = leap(Stood(BERLIN, 0), Stood(SYDNEY, 10 * HOUR))
    assert slower is not None
    assert "10 hours before" in slower.reason
