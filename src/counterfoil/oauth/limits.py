"""Limits of what a token may do: each action, how much, how often, until a day (RFC 9396). Pure.

They stand in ``authorization_details`` under a type of ours. Amounts are whole numbers of the
smallest part of a unit: 2500 of EUR are 25 euros.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

TYPE: Final = "counterfoil_limit"
"""The ``type`` of each (RFC 9396 §2)."""
MOST_LIMITS: Final = 32
MOST_AMOUNT: Final = 2**53 - 1
"""The greatest number that JSON carries everywhere (RFC 8259 §6)."""

Action = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9:_.-]+$")]
Unit = Annotated[str, Meta(max_length=16, pattern=r"^[A-Za-z0-9_-]*$")]
_Amount = Annotated[int, Meta(ge=0, le=MOST_AMOUNT)]
_Counted = Annotated[int, Meta(ge=1, le=MOST_AMOUNT)]
_Time = Annotated[int, Meta(ge=0, le=MOST_AMOUNT)]


class Limit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One action that a token may do: ``per_transaction`` at the most of ``unit`` at a time.

    Without ``per_transaction`` any amount; ``until`` in seconds since the epoch. ``count``: so many
    transactions; ``sum``: so much in all of them together. Both are of one token, and counted by
    its issuer. A field that is not known is refused: one that narrows further must not be
    overlooked.
    """

    type: Literal["counterfoil_limit"]
    action: Action
    unit: Unit = ""
    per_transaction: _Amount | None = None
    until: _Time | None = None
    count: _Counted | None = None
    sum: _Counted | None = None

    @property
    def is_counted(self) -> bool:
        """Whether only the issuer can say if a transaction is still within it."""
        return self.count is not None or self.sum is not None

    @property
    def allowances(self) -> Iterable[tuple[str, int]]:
        """What is counted of it, by name, with how much there is of it."""
        if self.count is not None:
            yield count_name(self.action, self.unit), self.count
        if self.sum is not None:
            yield sum_name(self.action, self.unit), self.sum

    def permits(self, amount: int, now: float) -> bool:
        """Whether so much may be done at a time, now; what is counted is not asked for here."""
        return (
            (self.per_transaction is None or amount <= self.per_transaction)
            and (self.until is None or now < self.until)
            and (self.sum is None or amount <= self.sum)
        )

    def within(self, other: "Limit") -> "Limit":
        """Give what both permit: of each member the less."""
        return Limit(
            type="counterfoil_limit",
            action=self.action,
            unit=self.unit,
            per_transaction=_less(self.per_transaction, other.per_transaction),
            until=_less(self.until, other.until),
            count=_less(self.count, other.count),
            sum=_less(self.sum, other.sum),
        )


Limits = Annotated[tuple[Limit, ...], Meta(max_length=MOST_LIMITS)]


class Act(Struct, frozen=True):
    """What is about to be done. ``amount`` may come from a stranger: it is not believed."""

    action: str
    amount: object = 0
    unit: str = ""


def count_name(action: str, unit: str) -> str:
    """Name the allowance of how often: ``count:transfer/EUR``."""
    return f"count:{action}/{unit}"


def sum_name(action: str, unit: str) -> str:
    """Name the allowance of how much in all: ``sum:transfer/EUR``."""
    return f"sum:{action}/{unit}"


def limit_for(details: object, act: Act, now: float) -> Limit | None:
    """Give what in the ``authorization_details`` of a token lets it do this; ``None``: nothing.

    What is not named is not permitted, and what cannot be read permits nothing.
    """
    amount = act.amount
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= MOST_AMOUNT:
        return None
    try:
        limits = msgspec.convert(details, Limits)
    except msgspec.ValidationError:
        return None
    if not name_each_once(limits):
        return None
    named = _named(limits).get((act.action, act.unit))
    return named if named is not None and named.permits(amount, now) else None


def narrowest(*every: Iterable[Limit] | None) -> tuple[Limit, ...] | None:
    """Give what all of them permit: the actions that each names, and of each member the least.

    ``None`` limits nothing; an empty answer permits nothing at all.
    """
    narrowed: tuple[Limit, ...] | None = None
    for each in every:
        if each is not None:
            narrowed = tuple(each) if narrowed is None else _both(narrowed, each)
    return narrowed


def are_within(asked: Iterable[Limit], permitted: Iterable[Limit] | None) -> bool:
    """Whether limits name nothing that is not permitted, and no member above its own.

    A member that they leave out is not asked for: it is the permitted one's.
    """
    if permitted is None:
        return True
    named = _named(permitted)
    return all(
        (one := named.get((each.action, each.unit))) is not None
        and _is_no_more(each.per_transaction, one.per_transaction)
        and _is_no_more(each.until, one.until)
        and _is_no_more(each.count, one.count)
        and _is_no_more(each.sum, one.sum)
        for each in asked
    )


def name_each_once(limits: Iterable[Limit]) -> bool:
    """Whether no action is limited twice in one unit: the wider one would count."""
    named = [(limit.action, limit.unit) for limit in limits]
    return len(set(named)) == len(named)


def _named(limits: Iterable[Limit]) -> dict[tuple[str, str], Limit]:
    return {(limit.action, limit.unit): limit for limit in limits}


def _both(some: Iterable[Limit], others: Iterable[Limit]) -> tuple[Limit, ...]:
    named = _named(others)
    return tuple(
        limit.within(named[limit.action, limit.unit])
        for limit in some
        if (limit.action, limit.unit) in named
    )


def _less(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _is_no_more(asked: int | None, permitted: int | None) -> bool:
    return asked is None or permitted is None or asked <= permitted
