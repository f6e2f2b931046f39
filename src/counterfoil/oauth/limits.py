"""Limits of what a token may do: each action, up to an amount, until a day (RFC 9396). Pure.

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

_Action = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9:_.-]+$")]
_Unit = Annotated[str, Meta(max_length=16, pattern=r"^[A-Za-z0-9_-]*$")]
_Amount = Annotated[int, Meta(ge=0, le=MOST_AMOUNT)]
_Time = Annotated[int, Meta(ge=0, le=MOST_AMOUNT)]


class Limit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One action that a token may do: ``per_transaction`` at the most of ``unit`` at a time.

    Without ``per_transaction`` any amount; ``until`` in seconds since the epoch. A field that is
    not known is refused: one that narrows further must not be overlooked.
    """

    type: Literal["counterfoil_limit"]
    action: _Action
    unit: _Unit = ""
    per_transaction: _Amount | None = None
    until: _Time | None = None

    def permits(self, amount: int, now: float) -> bool:
        """Whether so much may be done at a time, now."""
        return (self.per_transaction is None or amount <= self.per_transaction) and (
            self.until is None or now < self.until
        )


Limits = Annotated[tuple[Limit, ...], Meta(max_length=MOST_LIMITS)]


class Act(Struct, frozen=True):
    """What is about to be done. ``amount`` may come from a stranger: it is not believed."""

    action: str
    amount: object = 0
    unit: str = ""


def are_within(details: object, act: Act, now: float) -> bool:
    """Whether the ``authorization_details`` of a token let it do this.

    What is not named is not permitted, and what cannot be read permits nothing.
    """
    amount = act.amount
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= MOST_AMOUNT:
        return False
    try:
        limits = msgspec.convert(details, Limits)
    except msgspec.ValidationError:
        return False
    return any(
        limit.action == act.action and limit.unit == act.unit and limit.permits(amount, now)
        for limit in limits
    )


def name_each_once(limits: Iterable[Limit]) -> bool:
    """Whether no action is limited twice in one unit: the wider one would count."""
    named = [(limit.action, limit.unit) for limit in limits]
    return len(set(named)) == len(named)
