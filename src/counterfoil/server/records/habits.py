"""What is known of how a person signs in: little, bounded, and never an address (S108).

Networks stand there under a name that only this installation can compute; days, not moments; and
counters that forget: where all of them grow, all are halved.
"""

from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.records.place import Place, Point

DAY: Final = 24 * 60 * 60
HOUR: Final = 60 * 60
MOST_NETWORKS: Final = 16
MOST_PLACES: Final = 12
MOST_COUNTED: Final = 300
"""Sign-ins after which the counters are halved: so what was years ago weighs less and less."""
MOST_A_DAY: Final = 4
"""Sign-ins of one day that are counted: nobody teaches the counters in an afternoon."""
MOST_LETTERS: Final = 5
"""Letters of one kind to a person in a day at most: who causes some of them silences no others."""
STRANGER: Final = 14 * DAY
"""Seconds for which whoever has come in unnoticed may have done so."""
KEPT: Final = 400 * DAY
"""Seconds after the last sign-in for which any of it matters."""


class Known(Struct, frozen=True, omit_defaults=True):
    """A network or a place by its name: the first and the last day, and on how many it was seen."""

    name: str
    first: int
    last: int
    days: int = 1

    def seen(self, day: int) -> "Known":
        """Give it as it is after a sign-in on that day."""
        return replace(self, last=max(day, self.last), days=self.days + (day > self.last))


class Stood(Struct, frozen=True):
    """Where somebody was, and when."""

    place: Place
    at: int


class Told(Struct, frozen=True):
    """Of what a letter was sent, and when. ``what`` begins with the kind of letter."""

    what: str
    at: int

    @property
    def kind(self) -> str:
        """The kind of letter."""
        return self.what.partition(" ")[0]


class Habits(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a person signs in. ``hours`` and ``weekdays`` count sign-ins, in UTC; Monday is 0.

    ``since`` is the first day that was counted, ``today`` the last, with how many on it. ``stood``
    is the last place that is known, coarse.
    """

    hours: tuple[int, ...] = (0,) * 24
    weekdays: tuple[int, ...] = (0,) * 7
    since: int = 0
    today: tuple[int, int] = (0, 0)
    networks: tuple[Known, ...] = ()
    places: tuple[Known, ...] = ()
    stood: Stood | None = None
    told: tuple[Told, ...] = ()

    @property
    def counted(self) -> int:
        """How many sign-ins the counters hold."""
        return sum(self.hours)

    def knows_network(self, name: str) -> bool:
        """Whether the person has signed in from there."""
        return any(each.name == name for each in self.networks)

    def place(self, key: str) -> Known | None:
        """Find what is known of a place."""
        return next((each for each in self.places if each.name == key), None)

    def learned(self, network: str, place: Place, now: int) -> "Habits":
        """Give them after a sign-in that counts."""
        day = now // DAY
        stood = Stood(coarse(place), now) if place.key else self.stood
        habits = replace(
            self,
            since=self.since or day,
            networks=_with(self.networks, network, day, MOST_NETWORKS),
            places=_with(self.places, place.key, day, MOST_PLACES),
            stood=stood,
        )
        return habits._counting(now)

    def _counting(self, now: int) -> "Habits":
        day = now // DAY
        number = self.today[1] + 1 if self.today[0] == day else 1
        if number > MOST_A_DAY or day < self.today[0]:
            return self
        hours = _raised(self.hours, now // HOUR % 24)
        weekdays = _raised(self.weekdays, (day + 3) % 7)  # the epoch began on a Thursday
        if sum(hours) > MOST_COUNTED:
            hours, weekdays = _halved(hours), _halved(weekdays)
        return replace(self, hours=hours, weekdays=weekdays, today=(day, number))

    def without_strangers(self, now: int) -> "Habits":
        """Give them without what a stranger may have taught: new networks, places, the last place.

        They began to be known in the last ``STRANGER`` seconds.
        """
        first = (now - STRANGER) // DAY
        return replace(
            self,
            networks=tuple(each for each in self.networks if each.first < first),
            places=tuple(each for each in self.places if each.first < first),
            stood=None,
        )

    def was_told(self, what: str, now: int) -> bool:
        """Whether a letter tells of it already, or there were enough of its kind today."""
        kind = Told(what, now).kind
        recent = [each for each in self.told if each.at > now - DAY and each.kind == kind]
        return len(recent) >= MOST_LETTERS or any(each.what == what for each in recent)

    def telling(self, what: str, now: int) -> "Habits":
        """Give them with one more letter."""
        recent = (each for each in self.told if each.at > now - DAY)
        return replace(self, told=(*recent, Told(what, now)))


def coarse(place: Place) -> Place:
    """Give a place with its point to a tenth of a degree, some ten kilometres."""
    point = place.point
    if point is None:
        return place
    return replace(
        place, point=Point(round(point.latitude, 1), round(point.longitude, 1), point.radius)
    )


def _with(known: tuple[Known, ...], name: str, day: int, most: int) -> tuple[Known, ...]:
    """Give them with one more sight of one; where there are too many, the longest unseen goes."""
    if not name:
        return known
    before = next((each for each in known if each.name == name), None)
    others = [each for each in known if each is not before]
    one = before.seen(day) if before is not None else Known(name, day, day)
    if len(others) >= most:
        others.remove(min(others, key=lambda each: (each.last, each.days)))
    return (*others, one)


def _raised(counts: tuple[int, ...], at: int) -> tuple[int, ...]:
    return tuple(count + (number == at) for number, count in enumerate(counts))


def _halved(counts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(count // 2 for count in counts)


NO_HABITS: Final = Habits()
"""Nothing is known yet, so nothing can be out of the way."""


class HabitsKept(Protocol):
    """What is known of people, by person. Nothing of it is needed for anybody to sign in."""

    async def of_user(self, user_id: str) -> Habits: ...
    async def keep(self, user_id: str, habits: Habits) -> None:
        """Keep it in the place of what was known before."""
