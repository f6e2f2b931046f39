"""Judging a token that is used elsewhere: at two places at once, or refreshed from afar. Pure.

A place to which the person keeps coming back is theirs: so a VPN, which part of a computer may use
while the rest does not, weighs little.
"""

from typing import Final

from counterfoil.server.protocol.noticing.finding import Finding
from counterfoil.server.protocol.noticing.sign_ins import is_own
from counterfoil.server.protocol.noticing.travel import NEAR, leap
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.habits import Habits, Stood
from counterfoil.server.records.place import Place, kilometres
from counterfoil.server.records.sentence import say

_UNKNOWN: Final = 40
_OWN: Final = 30
_NEARBY: Final = 35
_ABROAD: Final = 65
FAR: Final = 90
"""The score of places far apart, of which one at least is not the person's own."""


def two_places(habits: Habits, one: Place, other: Place) -> Finding:
    """Weigh one token in two places at once (S106, S107)."""
    score, reason = _weighed(one, other)
    reasons = [say("One token was used in two networks at once."), reason]
    if is_own(habits, one) and is_own(habits, other):
        score = min(score, _OWN)
        reasons.append(say("The person has signed in from both, on several days."))
    what = " ".join(sorted((one.key, other.key)))
    return Finding(EventKind.TOKEN_IN_TWO_PLACES, score, tuple(reasons), what)


def _weighed(one: Place, other: Place) -> tuple[int, str]:
    if not one.key or not other.key:
        return _UNKNOWN, say("Where they are is not known.")
    if one.key == other.key:
        return _NEARBY, say("Both are in {place}.", place=one.name)
    names = {"one": one.name, "other": other.name}
    have_cities = bool(one.city and other.city)
    if one.point and other.point and (have_cities or one.country != other.country):
        apart = kilometres(one.point, other.point)
        if apart >= NEAR:
            return FAR, say(
                "{one} and {other} are {apart} km apart at least.", apart=apart, **names
            )
    if one.country != other.country:
        return _ABROAD, say("They are in two countries: {one} and {other}.", **names)
    return _NEARBY, say("They are in one country: {one} and {other}.", **names)


def refresh(habits: Habits, before: Stood, now: Stood) -> Finding | None:
    """Weigh a refresh from another place than the one before; ``None``: it may have moved."""
    found = leap(before, now)
    if found is None or is_own(habits, now.place):
        return None
    return Finding(EventKind.REFRESHED_ELSEWHERE, found.score, (found.reason,), now.place.key)
