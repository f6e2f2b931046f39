"""What guards ask for and give back of what limited tokens may still do (S15, S54, S55). Pure.

Tokens are named by their fingerprint, never shown.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import decode_object
from counterfoil.oauth.limits import Action, Unit

USES: Final = "uses"
"""The allowance of a token that works so many times."""
MOST_TAKES: Final = 100
"""As many stand in one request, and as many returns, so that it holds nobody up."""
MOST_AMOUNT: Final = 2**53 - 1
"""The greatest number that JSON carries everywhere (RFC 8259 §6)."""

Amount = Annotated[int, Meta(ge=1, le=MOST_AMOUNT)]
_Token = Annotated[str, Meta(min_length=1, max_length=128)]
AllowanceName = Annotated[str, Meta(min_length=1, max_length=96)]
_Key = Annotated[str, Meta(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A take of one allowance of a token: ``amount``, or what there is down to ``least``.

    ``least`` is ``amount`` where nothing is said. ``key`` names this take: sent again, it gives the
    same answer, and spends nothing.
    """

    jti: _Token
    name: AllowanceName
    key: _Key
    amount: Amount
    least: Amount | None = None


class Unused(Struct, frozen=True, forbid_unknown_fields=True):
    """What was not used of a take, to be given back: once for each key."""

    jti: _Token
    name: AllowanceName
    key: _Key
    amount: Amount


class WantedAct(Struct, frozen=True, forbid_unknown_fields=True):
    """A transaction that is about to be done: of both what is counted of it is taken, or nothing.

    ``key`` names the transaction: asked for again it is granted again, and spends nothing.
    """

    jti: _Token
    action: Action
    unit: Unit
    key: _Key
    amount: Annotated[int, Meta(ge=0, le=MOST_AMOUNT)]


class Spending(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the guards of one API take and give back."""

    audience: Annotated[str, Meta(min_length=1, max_length=2048)]
    takes: Annotated[tuple[Wanted, ...], Meta(max_length=MOST_TAKES)] = ()
    returns: Annotated[tuple[Unused, ...], Meta(max_length=MOST_TAKES)] = ()
    acts: Annotated[tuple[WantedAct, ...], Meta(max_length=MOST_TAKES)] = ()


class Answered(Struct, frozen=True, omit_defaults=True):
    """What became of a take: ``granted``, and what is ``left`` for everybody.

    Where nothing was granted, ``refused`` says why: a word of the reasons, or ``key_reused``.
    """

    granted: int
    left: int | None = None
    refused: str = ""


class Spent(Struct, frozen=True, omit_defaults=True):
    """The answer, in the order of what was asked; of returns, how much was taken back of each."""

    takes: tuple[Answered, ...]
    returns: tuple[int, ...]
    acts: tuple[Answered, ...] = ()


class WrongSpending(Exception):
    """A request is not well formed. The text says what is wrong, and where in it."""


def spending_from(body: bytes) -> Spending:
    """Read a request, whole or not at all.

    Raises:
        WrongSpending: something in it is none, or cannot be.
    """
    try:
        spending = msgspec.convert(decode_object(body), Spending)
    except (JoseError, msgspec.ValidationError) as error:
        raise WrongSpending(str(error)) from None
    for number, take in enumerate(spending.takes):
        if take.least is not None and take.least > take.amount:
            raise WrongSpending(f"The least is more than the amount - at $.takes[{number}].least")
    return spending
