"""How often each may come: GCRA, in memory that is the same however many come. Pure.

Kept is when a caller will be as if it had never come, in one cell of each of two rows that a keyed
hash names; the lower one counts (a count-min sketch). Nobody can fill it and nothing is thrown out:
strangers who meet in a cell meet in the other one too only by a chance that nobody can arrange.
"""

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final

from counterfoil.oauth.errors import TooManyRequests
from counterfoil.server.records.client import Client

CELLS: Final = 1 << 15
"""In each of the two rows; a power of two."""
_MINUTE: Final = 60.0
_MAPPED: Final = bytes(10) + b"\xff\xff"


class Rates:
    """Lets each through so many times a minute, all of them at once if it likes.

    ``salt`` is known to nobody else. Times are in seconds, and come from the caller.
    """

    def __init__(self, salt: bytes, cells: int = CELLS) -> None:
        self._salt = salt
        self._mask = cells - 1
        self._one, self._other = (_row(cells) for _ in range(2))

    def take(self, key: str | bytes, now: float, per_minute: int) -> float:
        """Count one coming; or give the seconds to wait for, and count nothing.

        Who comes no more often than ``per_minute`` is turned away only if all that it shares its
        cells with come more often.
        """
        each = _MINUTE / per_minute
        place = hash((self._salt, key))
        one, other = self._one, self._other
        at, at_other = place & self._mask, place >> 32 & self._mask
        clean_at, others = one[at], other[at_other]
        # What lies further ahead than that was counted before the clock was set back.
        furthest = now + _MINUTE + each
        if not now <= clean_at <= furthest:
            clean_at = now
        if not now <= others <= furthest:
            others = now
        least = clean_at if clean_at < others else others
        over = least - now - _MINUTE + each
        if over > each / 2:  # the half is for rounding
            return over
        least += each
        if clean_at < least:
            one[at] = least
        if others < least:
            other[at_other] = least
        return 0.0


def _row(cells: int) -> "memoryview[float]":
    """Give zeros that take memory only where somebody was counted: most of them never do."""
    return memoryview(mmap(-1, 8 * cells, flags=MAP_PRIVATE | MAP_ANONYMOUS)).cast("B").cast("d")


def key_of(address: str) -> str | bytes:
    """Give what counts as one caller: an IPv4 address, or the /64 network of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        octets = inet_pton(AF_INET6, address.partition("%")[0])
    except OSError:
        return address
    if octets.startswith(_MAPPED):
        return inet_ntop(AF_INET, octets[12:])
    return octets[:8]


class ClientRates:
    """How often each client may come that has proved who it is. ``per_minute`` 0: no limit.

    A public client cannot prove it: who names it would use up what its users may have.
    """

    def __init__(self, rates: Rates, per_minute: int) -> None:
        self._rates = rates
        self._per_minute = per_minute

    def demand(self, client: Client, now: float) -> None:
        """Count one request of a client that was authenticated.

        Raises:
            TooManyRequests: it comes too often; nothing was done.
        """
        per_minute = client.policy.rate_per_minute or self._per_minute
        if client.public or not per_minute:
            return
        wait = self._rates.take(client.client_id, now, per_minute)
        if wait:
            raise TooManyRequests("This client asks too often; wait.", wait)


class Once:
    """One request, which is counted once however often its work is run.

    A work is run anew where another that shared its transaction came to nothing.
    """

    def __init__(self, rates: ClientRates) -> None:
        self._rates = rates
        self._is_counted = False

    def demand(self, client: Client, now: float) -> None:
        """Count the request, as ``ClientRates`` does, unless it was."""
        if not self._is_counted:
            self._rates.demand(client, now)
            self._is_counted = True
