"""Whether more must be shown than was before a session begins, however somebody came (S105)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from counterfoil.oauth.acr import MULTIPLE, is_enough
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.noticing.noting import Arrival, is_held
from counterfoil.server.protocol.second_factor_policy import least_of_person, mailed_code_is_due
from counterfoil.server.records.store import Transaction


class Due(Struct, frozen=True):
    """Whether ``more`` is due than was shown; ``held``: what was noticed asks for it."""

    more: bool
    held: bool = False


_NOTHING: Final = Due(more=False)


async def more_due(
    authority: Authority, tx: Transaction, arrival: Arrival, amr: Sequence[str]
) -> Due:
    """Say whether these methods are not enough: more is switched on, demanded, or was noticed.

    Nobody is held by what was noticed who has nothing further to show (S107).
    """
    if is_enough(amr, MULTIPLE):
        return _NOTHING
    factors = await tx.second_factors.of_user(arrival.user.id)
    held = factors.has_more_than(amr) and await is_held(authority, tx, arrival)
    demanded = least_of_person(authority.settings, arrival.user) is not None
    mailed = mailed_code_is_due(authority.settings, arrival.user, factors, amr)
    return Due(held or factors.is_on or demanded or mailed, held)
