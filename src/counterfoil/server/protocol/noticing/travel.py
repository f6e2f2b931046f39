"""Whether somebody can have come from one place to the other in the time between. Pure.

What is not sure of both places is taken off the distance, so that only what is certain counts.
"""

from typing import Final

from msgspec import Struct

from counterfoil.server.records.habits import HOUR, Stood
from counterfoil.server.records.place import kilometres
from counterfoil.server.records.sentence import say, say_many

FASTEST: Final = 900
"""Kilometres an hour: what airliners fly."""
NEAR: Final = 300
"""Kilometres below which the guesses of a file mean nothing."""
_AT_LEAST: Final = 60
"""Seconds between two sightings that count as so many: clocks and requests cross."""
_BY_COUNTRY: Final = 45
"""The score where only countries are known: whoever lives by a border changes in minutes."""
_IMPOSSIBLE: Final = 70
_MOST: Final = 95


class Leap(Struct, frozen=True):
    """What cannot be travelled, or hardly: its score, and why."""

    score: int
    reason: str


def leap(before: Stood, after: Stood) -> Leap | None:
    """Judge a change of place; ``None`` where it can be travelled, or nothing is known."""
    here, there = before.place.point, after.place.point
    seconds = max(_AT_LEAST, abs(after.at - before.at))
    one, other = before.place.country, after.place.country
    if one == other and not (before.place.city and after.place.city):
        return None  # the middle of a country is where a file puts whom it knows no better
    if here is not None and there is not None:
        return _measured(before, after, kilometres(here, there), seconds)
    if not one or not other or seconds >= HOUR:
        return None
    reason = say(
        "{place} comes {span} after {before}.",
        place=after.place.name,
        span=_span(seconds),
        before=before.place.name,
    )
    return Leap(_BY_COUNTRY, reason)


def _measured(before: Stood, after: Stood, apart: int, seconds: int) -> Leap | None:
    speed = apart * HOUR // seconds
    if apart < NEAR or speed <= FASTEST:
        return None
    reason = say(
        "{place} is {apart} km at least from {before}, {span} before: that would be {speed} km/h, "
        "and airliners fly {fastest}.",
        place=after.place.name,
        apart=apart,
        before=before.place.name,
        span=_span(seconds),
        speed=speed,
        fastest=FASTEST,
    )
    return Leap(min(_MOST, _IMPOSSIBLE + speed // FASTEST), reason)


def _span(seconds: int) -> str:
    if seconds < 2 * HOUR:
        return say_many("{count} minute", "{count} minutes", seconds // 60)
    return say_many("{count} hour", "{count} hours", seconds // HOUR)
