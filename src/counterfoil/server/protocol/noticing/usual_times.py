"""Whether somebody signs in when they never do: by counters of hours and weekdays (S108). Pure.

The hour before and the one after count too, so that a clock that is set to summer changes nothing.
"""

from typing import Final

from counterfoil.server.protocol.noticing.finding import Finding
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.habits import DAY, HOUR, Habits
from counterfoil.server.records.sentence import say

LEAST_COUNTED: Final = 30
LEAST_DAYS: Final = 14
"""Before so many sign-ins, on so many days, nothing is said."""
_RARE: Final = 3
"""Percent: what happens less often is out of the way."""
_USUAL: Final = 0.9
_ODD_HOUR: Final = (30, 60)
_ODD_DAY: Final = 30
_BOTH: Final = 75
_FEW: Final = 45
"""No score is higher where less than twice ``LEAST_COUNTED`` were counted."""
_NAMES: Final = (
    say("on a Monday"),
    say("on a Tuesday"),
    say("on a Wednesday"),
    say("on a Thursday"),
    say("on a Friday"),
    say("on a Saturday"),
    say("on a Sunday"),
)


def unusual_time(habits: Habits, now: int) -> Finding | None:
    """Judge the time of a sign-in; ``None`` where it is usual, or too little is known."""
    total, day = habits.counted, now // DAY
    if total < LEAST_COUNTED or day < habits.since + LEAST_DAYS:
        return None
    by_hour, by_day = _odd_hour(habits, now), _odd_day(habits, day)
    found = [each for each in (by_hour, by_day) if each is not None]
    if not found:
        return None
    score = _BOTH if len(found) > 1 else found[0][0]
    score = min(score, _FEW) if total < 2 * LEAST_COUNTED else score
    return Finding(EventKind.UNUSUAL_TIME, score, tuple(reason for _, reason in found))


def _odd_hour(habits: Habits, now: int) -> tuple[int, str] | None:
    hour, total = now // HOUR % 24, habits.counted
    near = sum(habits.hours[(hour + each) % 24] for each in (-1, 0, 1))
    if near * 100 >= _RARE * total:
        return None
    low, high = _ODD_HOUR
    score = high - round((high - low) * near * 100 / (_RARE * total))
    first, last = usual_hours(habits.hours)
    reason = say(
        "Signs in between {first} and {last} h (UTC), now it is {hour} h: {near} of {total} "
        "sign-ins were within an hour of it.",
        first=first,
        last=last,
        hour=hour,
        near=near,
        total=total,
    )
    return score, reason


def _odd_day(habits: Habits, day: int) -> tuple[int, str] | None:
    weekday, total = (day + 3) % 7, sum(habits.weekdays)
    count = habits.weekdays[weekday]
    if total < 2 * LEAST_COUNTED or count * 100 >= _RARE * total:
        return None
    reason = say(
        "{near} of {total} sign-ins were {day} (UTC).",
        near=count,
        total=total,
        day=_NAMES[weekday],
    )
    return _ODD_DAY, reason


def usual_hours(hours: tuple[int, ...]) -> tuple[int, int]:
    """Give the shortest span of the day, maybe over midnight, that holds nine of ten sign-ins."""
    wanted = _USUAL * sum(hours)
    spans = ((length, start) for length in range(1, 25) for start in range(24))
    length, start = next(
        (length, start)
        for length, start in spans
        if sum(hours[(start + each) % 24] for each in range(length)) >= wanted
    )
    return start, (start + length) % 24 or 24
