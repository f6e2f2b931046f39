"""What is known of a person: bounded, coarse, and forgetful."""

import msgspec
import pytest

from counterfoil.server.records.habits import (
    DAY,
    HOUR,
    MOST_A_DAY,
    MOST_COUNTED,
    MOST_LETTERS,
    MOST_NETWORKS,
    MOST_PLACES,
    NO_HABITS,
    Habits,
    Known,
    coarse,
)
from counterfoil.server.records.place import NOWHERE, Place, Point

MONDAY = 1_800_000_000 // DAY * DAY - 4 * DAY
BERLIN = Place("DE", "Berlin", "Germany", Point(52.5234, 13.4114, 20))


def test_a_monday_is_a_monday():
    assert NO_HABITS.learned("", NOWHERE, MONDAY).weekdays[0] == 1


def test_a_sign_in_is_learned():
    """S108: the network by its name, the place coarsely, the hour and the weekday."""
    habits = NO_HABITS.learned("n1", BERLIN, MONDAY + 7 * HOUR + 59)
    day = MONDAY // DAY
    assert habits.networks == (Known("n1", day, day),)
    assert habits.places == (Known("DE/Berlin", day, day),)
    assert habits.hours[7] == habits.weekdays[0] == habits.counted == 1
    assert habits.stood is not None
    assert habits.stood.place.point == Point(52.5, 13.4, 20)
    assert habits.since == day


def test_days_are_counted_not_sign_ins():
    habits = NO_HABITS
    for at in (0, 60, HOUR, DAY, DAY + 1, 9 * DAY):
        habits = habits.learned("n1", BERLIN, MONDAY + at)
    day = MONDAY // DAY
    assert habits.networks == (Known("n1", day, day + 9, 3),)


def test_what_is_not_known_leaves_what_was():
    """Without a place nothing is forgotten, and nothing is made up."""
    habits = NO_HABITS.learned("n1", BERLIN, MONDAY).learned("", NOWHERE, MONDAY + DAY)
    assert [each.name for each in habits.networks] == ["n1"]
    assert habits.stood is not None
    assert habits.stood.at == MONDAY


def test_it_stays_small():
    """However somebody lives: a row is bounded."""
    habits = NO_HABITS
    for number in range(2_000):
        place = Place("XX", f"A rather long name of a city {number}", "A country", Point(1, 2))
        habits = habits.learned(f"{number:016x}", place, MONDAY + number * 5 * HOUR)
        habits = habits.telling(f"sign_in_noticed {place.key}", MONDAY + number * 5 * HOUR)
    assert len(habits.networks) == MOST_NETWORKS
    assert len(habits.places) == MOST_PLACES
    assert habits.counted <= MOST_COUNTED
    assert len(habits.told) <= 5
    assert len(msgspec.json.encode(habits)) < 4_000


def test_the_place_that_was_not_seen_for_longest_makes_room():
    habits = NO_HABITS.learned("home", NOWHERE, MONDAY)
    for number in range(MOST_NETWORKS * 2):
        habits = habits.learned(f"hotel {number}", NOWHERE, MONDAY + number * DAY)
        habits = habits.learned("home", NOWHERE, MONDAY + number * DAY)
    assert habits.knows_network("home")
    assert not habits.knows_network("hotel 1")


def test_old_habits_weigh_less():
    habits = NO_HABITS
    for number in range(MOST_COUNTED):
        habits = habits.learned("", NOWHERE, MONDAY + number * DAY + 7 * HOUR)
    for number in range(MOST_COUNTED, 2 * MOST_COUNTED):
        habits = habits.learned("", NOWHERE, MONDAY + number * DAY + 20 * HOUR)
    assert habits.hours[20] > 2 * habits.hours[7]


def test_nobody_teaches_it_in_a_day():
    habits = NO_HABITS
    for _ in range(500):
        habits = habits.learned("n1", BERLIN, MONDAY + 3 * HOUR)
    assert habits.counted == MOST_A_DAY
    assert habits.learned("n1", BERLIN, MONDAY + DAY).counted == MOST_A_DAY + 1


def test_a_clock_that_goes_back_teaches_nothing_twice():
    habits = NO_HABITS.learned("n1", BERLIN, MONDAY + 5 * DAY)
    assert habits.learned("n1", BERLIN, MONDAY).counted == 1
    assert habits.learned("n1", BERLIN, MONDAY).networks[0].days == 1


def test_one_letter_of_a_thing_in_a_day_and_few_of_all():
    habits = NO_HABITS.telling("a", MONDAY)
    assert habits.was_told("a", MONDAY + DAY - 1)
    assert not habits.was_told("a", MONDAY + DAY)
    assert not habits.was_told("b", MONDAY)
    for number in range(1, MOST_LETTERS):
        habits = habits.telling(f"a {number}", MONDAY + number)
    assert habits.was_told("a new one", MONDAY + 60)


def test_letters_of_one_kind_silence_no_other():
    """Who knows the password causes those of one kind; that a token is stolen is told still."""
    habits = NO_HABITS
    for number in range(MOST_LETTERS):
        habits = habits.telling(f"sign_in_held {number}", MONDAY)
    assert habits.was_told("sign_in_held elsewhere", MONDAY)
    assert not habits.was_told("token_noticed elsewhere", MONDAY)


@pytest.mark.parametrize("habits", [NO_HABITS, NO_HABITS.learned("n", BERLIN, MONDAY)])
def test_it_comes_back_from_json(habits: Habits):
    assert msgspec.json.decode(msgspec.json.encode(habits), type=Habits) == habits


def test_what_a_stranger_may_have_taught_is_forgotten():
    """S38: what was known before them stays."""
    sydney = Place("AU", "Sydney")
    habits = NO_HABITS.learned("home", BERLIN, MONDAY)
    habits = habits.learned("there", sydney, MONDAY + 30 * DAY)
    habits = habits.learned("home", BERLIN, MONDAY + 31 * DAY)
    kept = habits.without_strangers(MONDAY + 32 * DAY)
    assert [each.name for each in kept.networks] == ["home"]
    assert [each.name for each in kept.places] == ["DE/Berlin"]
    assert kept.stood is None
    assert kept.counted == habits.counted
    later = habits.without_strangers(MONDAY + 50 * DAY)
    assert later.knows_network("there"), "what was known for weeks is not put down to a stranger"


def test_a_place_without_a_point_stays_as_it_is():
    assert coarse(Place("DE")) == Place("DE")
