"""When somebody signs in: what is unusual, and what only looks so."""

import random

import pytest

from counterfoil.server.protocol.noticing.usual_times import unusual_time, usual_hours
from counterfoil.server.records.habits import DAY, HOUR, NO_HABITS, Habits
from counterfoil.server.records.place import NOWHERE

MONDAY = 1_800_000_000 // DAY * DAY - 4 * DAY


def at(week: int, weekday: int, hour: float) -> int:
    return MONDAY + (7 * week + weekday) * DAY + int(hour * HOUR)


def worker(weeks: int, hours: tuple[float, ...] = (8, 13), days: int = 5) -> Habits:
    """Somebody who works at a desk."""
    habits = NO_HABITS
    for week in range(weeks):
        for day in range(days):
            for hour in hours:
                habits = habits.learned("office", NOWHERE, at(week, day, hour))
    return habits


def test_the_middle_of_the_night_is_told_with_figures():
    """S108."""
    found = unusual_time(worker(20), at(20, 2, 3))
    assert found is not None
    assert found.score == 60
    assert found.reasons == (
        "Signs in between 8 and 14 h (UTC), now it is 3 h: 0 of 200 sign-ins were within an hour "
        "of it.",
    )


def test_a_weekday_on_which_they_never_come_weighs_half():
    found = unusual_time(worker(20), at(20, 6, 8))
    assert found is not None
    assert found.score == 30
    assert found.reasons == ("0 of 200 sign-ins were on a Sunday (UTC).",)
    both = unusual_time(worker(20), at(20, 6, 3))
    assert both is not None
    assert both.score == 75
    assert len(both.reasons) == 2


@pytest.mark.parametrize(
    ("habits", "now"),
    [
        pytest.param(worker(2), at(2, 2, 3), id="too few sign-ins"),
        pytest.param(worker(1, tuple(range(0, 24, 4)), 7), at(1, 0, 2), id="too few days"),
        pytest.param(NO_HABITS, at(0, 0, 3), id="nothing known"),
        pytest.param(worker(20), at(20, 2, 7), id="summer time, an hour before"),
        pytest.param(worker(20), at(20, 2, 14.9), id="winter time, an hour after"),
        pytest.param(worker(20, (8, 20, 4), 7), at(20, 0, 3.5), id="in three shifts"),
        pytest.param(worker(20, (23.5,), 7), at(20, 0, 0.5), id="around midnight"),
    ],
)
def test_what_only_looks_so_is_not_told(habits: Habits, now: int):
    assert unusual_time(habits, now) is None


def test_few_sign_ins_weigh_little():
    found = unusual_time(worker(4), at(4, 2, 3))
    assert found is not None
    assert found.score == 45


def test_what_happens_now_and_then_is_usual():
    habits = worker(15)
    for week in range(15, 24):
        habits = habits.learned("home", NOWHERE, at(week, 5, 22))
    assert unusual_time(habits, at(24, 5, 22)) is None


def test_people_with_ordinary_lives_are_left_alone():
    """S108: a year of sign-ins around the day, in and out of summer time: hardly ever a word."""
    chance = random.Random(7)
    habits, told, number = NO_HABITS, 0, 0
    for day in range(365):
        shift = 1 if 84 <= day < 301 else 0
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            hour = min(23.9, max(0.0, chance.gauss(14, 4))) - shift
            now = MONDAY + day * DAY + int(max(0.0, hour) * HOUR)
            found = unusual_time(habits, now)
            told += found is not None and found.score >= 50
            number += 1
            habits = habits.learned("home", NOWHERE, now)
    assert number > 400
    assert told <= number * 0.01


@pytest.mark.parametrize(
    ("at_hours", "span"),
    [((8,), (8, 9)), ((22, 23, 0, 1), (22, 2)), ((23,), (23, 24)), (tuple(range(24)), (0, 22))],
)
def test_usual_hours_may_span_midnight(at_hours: tuple[int, ...], span: tuple[int, int]):
    counts = tuple(10 * (hour in at_hours) for hour in range(24))
    assert usual_hours(counts) == span
