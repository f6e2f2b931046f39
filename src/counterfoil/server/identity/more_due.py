"""Whether more must be shown than was before a session begins, however somebody came (S105)."""

from collections.abc import Sequence

from counterfoil.oauth.acr import MULTIPLE, is_enough
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.noticing.noting import Arrival, is_held
from counterfoil.server.protocol.second_factor_policy import least_of_person, mailed_code_is_due
from counterfoil.server.records.store import Transaction


async def more_is_due(
    authority: Authority, tx: Transaction, arrival: Arrival, amr: Sequence[str]
) -> bool:
    """Whether these methods are not enough: more is switched on, demanded, or noticing asks for it.

    Nobody is held by what was noticed who has nothing further to show (S107).
    """
    if is_enough(amr, MULTIPLE):
        return False
    factors = await tx.second_factors.of_user(arrival.user.id)
    held = factors.has_more_than(amr) and await is_held(authority, tx, arrival)
    demanded = least_of_person(authority.settings, arrival.user) is not None
    mailed = mailed_code_is_due(authority.settings, arrival.user, factors, amr)
    return held or factors.is_on or demanded or mailed
