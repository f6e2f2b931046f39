"""Whether whoever is signed in showed who they are just now (S105)."""

from functools import partial

from counterfoil.server.protocol.fresh_sign_in import is_fresh
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person
from counterfoil.server.web.server import Server


async def signed_in_just_now(server: Server, person: Person) -> bool:
    """Whether somebody may change what guards their account without signing in again."""
    factors = await server.authority.store.read(partial(_factors, person.user.id))
    return is_fresh(server.authority.settings, person.session, factors, int(server.clock()))


async def _factors(user_id: str, tx: Transaction) -> Factors:
    return await tx.second_factors.of_user(user_id)
