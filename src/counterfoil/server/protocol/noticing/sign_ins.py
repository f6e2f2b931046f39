"""Judging a sign-in by what is known of the person: which browser, from where, when. Pure.

Whoever has no habits yet is not judged. A place to which somebody keeps coming back is theirs: so a
VPN that is switched on and off is noticed once, and not each time.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from counterfoil.server.protocol.noticing.finding import Finding
from counterfoil.server.protocol.noticing.travel import leap
from counterfoil.server.protocol.noticing.usual_times import unusual_time
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.habits import Habits, Stood
from counterfoil.server.records.place import Place
from counterfoil.server.records.sentence import say, say_many

_NEW_BROWSER: Final = (35, 60)
_NEW_CITY: Final = 35
_NEW_COUNTRY: Final = 65
_OWN_DAYS: Final = 2
"""A place where somebody was on so many days is theirs."""
_FEWEST_HERE: Final = 3
_FEWEST_ANYWHERE: Final = 10
_FEWEST_CODES: Final = 2
_MOST: Final = 85


class Failed(Struct, frozen=True):
    """Wrong passwords and wrong codes within the hour before, each by the network it came from."""

    passwords: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


NONE_FAILED: Final = Failed()


class SigningIn(Struct, frozen=True):
    """A sign-in: from which network (its name), which place, when; in a browser known or not.

    ``network`` is empty where no address is known.
    """

    network: str
    place: Place
    at: int
    browser_known: bool
    failed: Failed = NONE_FAILED

    @property
    def where(self) -> str:
        """What counts as the same place, if only as the same network."""
        return self.place.key or self.network


def findings(habits: Habits, now: SigningIn) -> tuple[Finding, ...]:
    """Say all that does not fit; nothing of somebody of whom nothing is known yet."""
    if not habits.since:
        return ()
    found = (
        _new_browser(habits, now),
        _new_place(habits, now),
        _travel(habits, now),
        unusual_time(habits, now.at),
        _failures(habits, now),
    )
    return tuple(each for each in found if each is not None)


def _new_browser(habits: Habits, now: SigningIn) -> Finding | None:
    if now.browser_known:
        return None
    known = habits.knows_network(now.network)
    reasons = (
        say("Nobody has signed in to this account in this browser before, or not for long."),
        say("The network is known.") if known else say("The network is new, too."),
    )
    return Finding(EventKind.NEW_DEVICE, _NEW_BROWSER[not known], reasons, now.where)


def _new_place(habits: Habits, now: SigningIn) -> Finding | None:
    place = now.place
    if not place.key or not habits.places or habits.place(place.key) is not None:
        return None
    countries = {each.name.partition("/")[0] for each in habits.places}
    score = _NEW_CITY if place.country in countries else _NEW_COUNTRY
    reasons = (
        say("No sign-in from {place} before.", place=place.name),
        say("Known are {places}.", places=_listed(each.name for each in habits.places)),
    )
    return Finding(EventKind.NEW_PLACE, score, reasons, now.where)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.partition("/")[2] or name for name in names)


def _travel(habits: Habits, now: SigningIn) -> Finding | None:
    if habits.stood is None or is_own(habits, now.place):
        return None
    found = leap(habits.stood, Stood(now.place, now.at))
    if found is None:
        return None
    kind = EventKind.IMPOSSIBLE_TRAVEL
    return Finding(kind, found.score, (found.reason,), now.where)


def is_own(habits: Habits, place: Place) -> bool:
    """Whether the person was there on more days than one."""
    known = habits.place(place.key)
    return known is not None and known.days >= _OWN_DAYS


def _failures(habits: Habits, now: SigningIn) -> Finding | None:
    """Judge what went wrong before: what strangers guess says nothing of a browser that is known.

    Nor does it of a network that is.
    """
    if now.browser_known:
        return None
    here = now.failed.passwords.count(now.network)
    codes = now.failed.codes.count(now.network)
    reasons, score = list[str](), 0
    if here >= _FEWEST_HERE:
        score = 30 + 8 * here
        reasons.append(
            say_many(
                "{count} wrong password came from this network within the hour before.",
                "{count} wrong passwords came from this network within the hour before.",
                here,
            )
        )
    elif len(now.failed.passwords) >= _FEWEST_ANYWHERE and not habits.knows_network(now.network):
        score = 20 + 3 * len(now.failed.passwords)
        reasons.append(_stuffed(now.failed.passwords))
    if codes >= _FEWEST_CODES:
        score += 20 + 5 * codes
        reasons.append(
            say_many(
                "{count} wrong code of a second factor came from there, too.",
                "{count} wrong codes of a second factor came from there, too.",
                codes,
            )
        )
    if not reasons:
        return None
    kind = EventKind.FAILURES_BEFORE
    return Finding(kind, min(_MOST, score), tuple(reasons), now.where)


def _stuffed(networks: Sequence[str]) -> str:
    return say_many(
        "{passwords} wrong passwords came from {count} network within the hour before, and this "
        "browser and its network are new.",
        "{passwords} wrong passwords came from {count} networks within the hour before, and this "
        "browser and its network are new.",
        len(set(networks)),
        passwords=len(networks),
    )
