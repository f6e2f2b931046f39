"""What one endpoint demands of a token that stands: small values, which go together. No I/O."""

from typing import Protocol, TypeAlias

from msgspec import Struct

from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected, Token
from counterfoil.oauth.reasons import Reason


class Presented(Struct, frozen=True):
    """A token that stands, the request that it came with, and when (seconds since the epoch)."""

    token: Token
    request: Request
    now: float


class Demand(Protocol):
    """Something that an endpoint demands beyond a token that stands."""

    def examine(self, presented: Presented) -> None:
        """Let it pass.

        Raises:
            Rejected: with the reason why not.
        """


class Scopes(Struct, frozen=True):
    """Permissions, all of which are needed (RFC 6749 §3.3)."""

    names: tuple[str, ...]

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
        if self.seconds <= 0:
            raise ValueError("a greatest age has more than 0 seconds")

    def examine(self, presented: Presented) -> None:
        """Refuse what is older, as if it had expired."""
        token = presented.token
        if presented.now >= token.issued_at + self.seconds:
            raise Rejected(Reason.TOO_OLD, fingerprint=token.fingerprint)


Demands: TypeAlias = tuple[Demand, ...]
NOTHING: Demands = ()


def demands_of(*said: str | Demand) -> Demands:
    """Read what a developer wrote: scopes by their names, and other demands as they are::

        demands_of("notes:read", MaxAge(60))

    Raises:
        TypeError: where something is neither.
    """
    scopes: list[str] = []
    others: list[Demand] = []
    for each in said:
        if isinstance(each, str):
            scopes.append(each)
        elif hasattr(each, "examine"):
            others.append(each)
        else:
            raise TypeError(
                f"{each!r} is no demand: write the name of a scope, or a value such as MaxAge(60)"
            )
    return (Scopes(tuple(scopes)), *others) if scopes else tuple(others)


def scope_of(demands: Demands) -> str:
    """Name every scope that is demanded, for one challenge (RFC 6750 §3)."""
    names = [name for each in demands if isinstance(each, Scopes) for name in each.names]
    return " ".join(dict.fromkeys(names))
