"""What a guard let pass and has yet to report: which token, from where, when (S25, S106). No I/O.

Nothing is locked, for a fork may come at any moment: what threads do at once may cost a count,
or a sighting that the next one makes good.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from msgspec.structs import replace

from counterfoil.guard.token import Token
from counterfoil.oauth.addresses import network_of, place_of
from counterfoil.oauth.reports import MOST_SIGHTINGS, Report, Sighting

MOST: Final = 20_000
"""So many are noted at once, and so many wait while the issuer is away: some 5 MB each. What is
noted beyond is dropped, and of what waits the oldest."""
OLDEST: Final = 300
"""Seconds after which a sighting is not worth telling any more."""


class _Seen:
    """One token in one place. Checks write it, from any thread. It keeps no token alive."""

    __slots__ = ("client_id", "count", "expires_at", "first", "last")

    def __init__(self, token: Token, now: float) -> None:
        self.client_id = token.client_id
        self.expires_at = token.expires_at
        self.first = now
        self.last = now
        self.count = 0


class Sightings:
    """The sightings of one API for one issuer. Checks note, the follower gathers and tells."""

    def __init__(self, audience: str, clock: Callable[[], float], most: int = MOST) -> None:
        self._audience = audience
        self._clock = clock
        self._most = most
        self._noted: dict[tuple[str, str], _Seen] = {}
        self._waiting: deque[Sighting] = deque()
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._noted) + len(self._waiting)

    def note(self, token: Token, place: str) -> None:
        """Note that a token passed, used from this address."""
        now = self._clock()
        noted = self._noted
        seen = noted.get((token.fingerprint, place))
        if seen is None:
            if len(noted) >= self._most:
                self._dropped += 1
                return
            seen = noted.setdefault((token.fingerprint, place), _Seen(token, now))
        seen.last = now
        seen.count += 1

    def gather(self) -> None:
        """Take what was noted to what waits to be told, and drop what waited too long.

        Addresses of one network are told as one place, so that who has many costs no more.
        """
        noted, self._noted = self._noted, {}
        gathered = dict[tuple[str, str], Sighting]()
        for (jti, place), seen in list(noted.items()):
            one, key = _sighting(jti, place, seen), (jti, network_of(place))
            gathered[key] = _both(gathered[key], one) if key in gathered else one
        self._waiting += gathered.values()
        too_old = int(self._clock()) - OLDEST
        while self._waiting and (
            len(self._waiting) > self._most or self._waiting[0].last < too_old
        ):
            self._waiting.popleft()
            self._dropped += 1

    def next_report(self) -> Report | None:
        """Give as much of what waits as one report holds; ``None``: nothing waits."""
        some = tuple(islice(self._waiting, MOST_SIGHTINGS))
        if not some:
            return None
        now = max(int(self._clock()), *(each.last for each in some))
        return Report(self._audience, now, some, self._dropped)

    def told(self, report: Report) -> None:
        """Forget what a report told."""
        self._forget(report.sightings)
        self._dropped -= report.dropped

    def drop(self, report: Report) -> None:
        """Forget what a report would have told, for the issuer never takes it."""
        self._forget(report.sightings)
        self._dropped += len(report.sightings)

    def leave_to_parent(self) -> None:
        """Begin anew in a child after a fork: what was seen before that, the parent tells."""
        self._noted, self._dropped = {}, 0
        self._waiting.clear()

    def _forget(self, told: Sequence[Sighting]) -> None:
        for _ in told:
            self._waiting.popleft()


def _sighting(jti: str, place: str, seen: _Seen) -> Sighting:
    return Sighting(
        jti=jti,
        client_id=seen.client_id,
        expires_at=seen.expires_at,
        place=place_of(place),
        first=int(min(seen.first, seen.last)),
        last=int(seen.last),
        count=max(1, seen.count),
    )


def _both(one: Sighting, other: Sighting) -> Sighting:
    """Give what was seen of one token in one network as one: with the address that came last."""
    latest = other if other.last >= one.last else one
    first, count = min(one.first, other.first), one.count + other.count
    return replace(latest, first=first, count=count)
