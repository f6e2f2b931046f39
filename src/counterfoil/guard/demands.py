"""What one endpoint demands of a token that stands: small values, which go together. No I/O."""

from collections.abc import Mapping
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from counterfoil.guard.given import demand_several
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected, Token
from counterfoil.oauth.access import is_scope
from counterfoil.oauth.binding import CERTIFICATE, COOKIE, KEY
from counterfoil.oauth.reasons import Reason

WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {"dpop": KEY, "certificate": CERTIFICATE, "cookie": COOKIE}
)
"""To what a token may be bound, and the member of ``cnf`` that says so."""


class Presented(Struct, frozen=True):
    """A token that stands, the request that it came with, and when (seconds since the epoch).

    ``heard_at``: up to when all that its issuer has ended is known here.
    """

    token: Token
    request: Request
    now: float
    heard_at: float = float("inf")


class Demand(Protocol):
    """Something that an endpoint demands beyond a token that stands."""

    def examine(self, presented: Presented) -> None:
        """Let it pass.

        Raises:
            Rejected: with the reason why not.
        """


class Scopes(Struct, frozen=True):
    """Permissions, all of which are needed (RFC 6749 §3.3), or broader ones that imply them.

    Raises:
        ValueError: where a name is none of a scope, or there is a text in place of names.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        demand_several(self.names, "the names of Scopes")
        for name in self.names:
            if not is_scope(name):
                raise ValueError(f"{name!r} is no name of one scope (RFC 6749 §3.3)")

    def examine(self, presented: Presented) -> None:
        """As `Token.require`."""
        presented.token.require(*self.names)


class MaxAge(Struct, frozen=True):
    """A token that was issued no longer ago than this, whatever its expiry says (S27, S29).

    Raises:
        ValueError: where it is no time at all.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError("a greatest age has more than 0 seconds")

    def examine(self, presented: Presented) -> None:
        """Refuse what is older, as if it had expired."""
        token = presented.token
        if presented.now >= token.issued_at + self.seconds:
            raise Rejected(Reason.TOO_OLD, fingerprint=token.fingerprint)


class HeardWithin(Struct, frozen=True):
    """That the issuer was heard within these seconds, where the guard's own budget is too wide.

    Raises:
        ValueError: where it is no time at all.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError("to be heard within takes more than 0 seconds")

    def examine(self, presented: Presented) -> None:
        """Refuse where an ending may not be known yet."""
        if presented.now > presented.heard_at + self.seconds:
            raise Rejected(Reason.STALE, fingerprint=presented.token.fingerprint)


class Bound(Struct, frozen=True):
    """A token that is of no use to whoever only copies it (RFC 9449, RFC 8705, S61).

    That what it is bound to was proved is always seen to; here it must be bound at all.
    ``ways``: ``"dpop"``, ``"certificate"`` and ``"cookie"``; any of those that are named will do.

    Raises:
        ValueError: where there is no such way.
    """

    ways: tuple[str, ...] = ("dpop", "certificate")

    def __post_init__(self) -> None:
        demand_several(self.ways, "the ways of Bound")
        if not self.ways or set(self.ways) - WAYS.keys():
            raise ValueError(f"a token is bound by {', '.join(WAYS)}")

    def examine(self, presented: Presented) -> None:
        """Refuse a token that is bound in none of these ways."""
        token = presented.token
        confirmation = token.claims.get("cnf")
        methods = confirmation if isinstance(confirmation, Mapping) else {}
        if not any(WAYS[way] in methods for way in self.ways):
            raise Rejected(Reason.UNBOUND, fingerprint=token.fingerprint)


Demands: TypeAlias = tuple[Demand, ...]
NOTHING: Demands = ()


def demands_of(*said: str | Demand) -> Demands:
    """Read what a developer wrote: scopes by their names, and other demands as they are::

        demands_of("notes:read", MaxAge(60))

    Raises:
        TypeError: where something is neither, or would have to be waited for.
    """
    scopes: list[str] = []
    others: list[Demand] = []
    for each in said:
        if isinstance(each, str):
            scopes.append(each)
        elif isinstance(each, type):
            raise TypeError(f"{each.__name__} is a class: write a value, such as MaxAge(60)")
        elif hasattr(each, "examine"):
            if iscoroutinefunction(each.examine):
                raise TypeError(f"{each!r}: examine must be a plain function, nobody waits for it")
            others.append(each)
        elif callable(each):
            raise TypeError(
                f'{each!r} is no demand: write the name of a scope, @guarded("a scope")'
            )
        else:
            raise TypeError(
                f"{each!r} is no demand: write the name of a scope, or a value such as MaxAge(60)"
            )
    return (Scopes(tuple(scopes)), *others) if scopes else tuple(others)


def scope_of(demands: Demands) -> str:
    """Name every scope that is demanded, for one challenge (RFC 6750 §3)."""
    names = [name for each in demands if isinstance(each, Scopes) for name in each.names]
    return " ".join(dict.fromkeys(names))
