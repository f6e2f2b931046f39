"""Making guessing slow: a rate for each source (GCRA), and short locks of an account. Pure."""

import heapq
import ipaddress
from collections.abc import Iterator
from typing import Final

from counterfoil.server.settings import Settings

MOST_SOURCES: Final = 50_000
_MINUTE: Final = 60.0
_DOUBLINGS: Final = 32


class Throttle:
    """Lets each address through ``per_minute`` times a minute, all of them at once if it likes.

    GCRA: kept is, for each address, when it will be as if it had never come. An IPv6 network of
    64 bits counts as one address. Times are in seconds and come from the caller. At most ``most``
    addresses are kept; where there are more, those that were most restrained stay.
    """

    def __init__(self, per_minute: int, most: int = MOST_SOURCES) -> None:
        self._each = _MINUTE / per_minute
        self._most = most
        self._clean_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._clean_at)

    def allows(self, address: str, now: float) -> bool:
        """Whether the address is let through now. It counts nothing."""
        return not self.wait(address, now)

    def wait(self, address: str, now: float) -> float:
        """Give the seconds until the address is let through; 0 where it is now."""
        over = self._kept(source_of(address), now) - now - (_MINUTE - self._each)
        return over if over > self._each / 2 else 0.0  # the half is for rounding

    def _kept(self, source: str, now: float) -> float:
        """Nothing lies further ahead than a minute, unless the clock was set back: begin anew."""
        clean_at = self._clean_at.get(source, now)
        return clean_at if clean_at <= now + _MINUTE else now

    def count(self, address: str, now: float) -> None:
        """Count one coming, or one failure. Nobody falls behind by more than one turn."""
        source = source_of(address)
        clean_at = max(now, self._kept(source, now)) + self._each
        self._clean_at[source] = min(clean_at, now + _MINUTE)
        if len(self._clean_at) > self._most:
            self._make_room(now)

    def _make_room(self, now: float) -> None:
        for source in list(self._leaving(now)):
            del self._clean_at[source]

    def _leaving(self, now: float) -> Iterator[str]:
        clean = [source for source, at in self._clean_at.items() if at <= now]
        too_many = len(self._clean_at) - self._most * 7 // 8
        if len(clean) >= too_many:
            return iter(clean)
        return iter(heapq.nsmallest(too_many, self._clean_at, key=self._clean_at.__getitem__))


def source_of(address: str) -> str:
    """Give what counts as one source: an IPv4 address, or the /64 network of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), 64), strict=False))


def locked_until(failures: int, now: int, settings: Settings) -> int:
    """Say until when an account is locked after so many wrong passwords in a row.

    From the ``sign_in_tries``-th on the lock doubles, from ``sign_in_lock`` up to
    ``sign_in_lock_most`` seconds: guessing becomes hopeless, and no lock is for good. Before, it
    gives ``now``: no lock.
    """
    doublings = failures - settings.sign_in_tries
    if doublings < 0:
        return now
    seconds = settings.sign_in_lock << min(doublings, _DOUBLINGS)
    return now + min(seconds, settings.sign_in_lock_most)
