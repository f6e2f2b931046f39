"""Places: what counts as the same, and how far apart two are at least."""

import pytest

from counterfoil.server.records.place import NOWHERE, Place, Point, kilometres

BERLIN, SYDNEY = Point(52.52, 13.4, 0), Point(-33.87, 151.2, 0)


def test_a_city_is_told_apart_by_its_country():
    assert Place("US", "Paris").key != Place("FR", "Paris").key
    assert (NOWHERE.key, NOWHERE.name) == ("", "")
    assert Place("DE").name == "DE"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (BERLIN, SYDNEY, 16_100),
        (BERLIN, BERLIN, 0),
        (Point(0, 179.5, 0), Point(0, -179.5, 0), 111),
        (Point(90, 0, 0), Point(-90, 77, 0), 20_015),
    ],
)
def test_distances_are_those_of_the_globe(one: Point, other: Point, expected: int):
    assert kilometres(one, other) == pytest.approx(expected, rel=0.01)
    assert kilometres(other, one) == kilometres(one, other)


def test_what_is_not_sure_of_both_is_taken_off():
    far = kilometres(BERLIN, SYDNEY)
    assert kilometres(Point(52.52, 13.4, 100), Point(-33.87, 151.2, 400)) == far - 500
    assert kilometres(Point(52.52, 13.4, 9_000), Point(-33.87, 151.2, 9_000)) == 0
