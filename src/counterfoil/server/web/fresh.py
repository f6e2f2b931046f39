"""Whether whoever is signed in showed who they are just now (S105)."""

from functools import partial

from counterfoil.server.protocol import fresh_sign_in
from counterfoil.server.protocol.fresh_sign_in import is_fresh
from counterfoil.server.protocol.second_factor_policy import adds_key
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person
from counterfoil.server.web.server import Server


async def signed_in_just_now(server: Server, person: Person) -> bool:
    """Whether somebody may change what guards their account without signing in again."""
    factors = await server.authority.store.read(partial(_factors, person.user.id))
    return is_fresh(server.authority.settings, person.session, factors, int(server.clock()))


async def lacks_only_more(server: Server, person: Person) -> bool:
    """Whether somebody signed in just now, by less than they have, and can show the rest."""
    settings, session = server.authority.settings, person.session
    factors = await server.authority.store.read(partial(_factors, person.user.id))
    is_recent = fresh_sign_in.is_recent(settings, session.auth_time, int(server.clock()))
    was_shown = factors.were_shown(session.amr, session.auth_time)
    return is_recent and not was_shown and (factors.is_on or adds_key(factors, session.amr))


async def _factors(user_id: str, tx: Transaction) -> Factors:
    return await tx.second_factors.of_user(user_id)
