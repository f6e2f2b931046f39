"""Who is let in when many come: so many requests at once, and each address so often (RFC 6585 §4).

Whoever is turned away is so at once, before anything was read or done.
"""

from collections.abc import Mapping
from enum import IntEnum, auto
from types import MappingProxyType
from typing import Final

from counterfoil.oauth.errors import OAuthError, TooManyRequests
from counterfoil.server.protocol.rates import Rates, key_of
from counterfoil.server.records.sentence import say
from counterfoil.server.settings import Limits

_ROOM_FOR_ENDINGS: Final = 4
"""There is room for one in so many more, which only endings may use."""
_ROOM_FOR_GUARDS: Final = 8
"""And of that for one in so many for guards, who must learn of them."""


class Use(IntEnum):
    """What a route is used for: how often an address may, and what comes first, follow from it.

    Each request looks it up twice: the hash of a number costs nothing, that of a bare name does.
    """

    OTHER = auto()
    HEALTH = auto()
    """Always answered: whoever watches a server that is busy must not take it for dead."""
    GUARD = auto()
    """Beginning to follow the notices, and receipts: it takes a moment, and the line then lasts."""
    TOKEN = auto()
    DEVICE = auto()
    """Beginning the device flow: it costs a row, and anybody may."""
    INTROSPECTION = auto()
    REVOCATION = auto()
    LEAK = auto()
    """Reports of found secrets: anybody may send them, and most are of none of ours."""
    PAGE = auto()
    LEAVING = auto()
    """Pages on which people end things."""
    ADMINISTRATION = auto()


_ENDINGS: Final = frozenset({Use.REVOCATION, Use.LEAVING, Use.ADMINISTRATION})
RATE_OF: Final[Mapping[Use, str]] = MappingProxyType(
    {
        Use.TOKEN: "token_rate_per_minute",
        Use.DEVICE: "device_rate_per_minute",
        Use.INTROSPECTION: "introspection_rate_per_minute",
        Use.REVOCATION: "revocation_rate_per_minute",
        Use.LEAK: "leak_rate_per_minute",
        Use.PAGE: "page_rate_per_minute",
        Use.LEAVING: "page_rate_per_minute",
        Use.ADMINISTRATION: "admin_rate_per_minute",
    }
)
"""The setting that says how often one address may; each use is counted apart."""


class Admission:
    """Counts who is being answered, and how often each address comes.

    Whoever was let in by ``enter`` must ``leave``, for the same use. Who asks for the server's
    health takes no place: nobody turns them away, so they could take everyone's.
    """

    def __init__(self, limits: Limits, salt: bytes) -> None:
        most = limits.requests_most
        self._most = dict.fromkeys(Use, most)
        self._most[Use.GUARD] += most // _ROOM_FOR_GUARDS
        self._most |= dict.fromkeys(_ENDINGS, most + -(-most // _ROOM_FOR_ENDINGS))
        rates = {use: getattr(limits, name) for use, name in RATE_OF.items()}
        self._rates = {use: (Rates(salt), rate) for use, rate in rates.items() if rate}
        self._under_way = 0

    def enter(self, use: Use, address: str, now: float) -> None:
        """Let one in. ``now`` is in seconds; an ``address`` that nobody knows is empty.

        Raises:
            OAuthError: ``temporarily_unavailable``, as many are being answered as may be.
            TooManyRequests: the address comes too often.
        """
        if use is Use.HEALTH:
            return
        if self._under_way >= self._most[use]:
            raise OAuthError("temporarily_unavailable", "The server is busy; try again.")
        limited = self._rates.get(use)
        if limited is not None and address:
            rates, per_minute = limited
            wait = rates.take(key_of(address), now, per_minute)
            if wait:
                sentence = say("Too many requests came from this address; wait.")
                raise TooManyRequests(sentence, wait)
        self._under_way += 1

    def leave(self, use: Use) -> None:
        """Let one go."""
        if use is not Use.HEALTH:
            self._under_way -= 1
