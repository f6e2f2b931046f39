"""Saying "this was not me" without a password of ours: all but this browser ends (S38, S112)."""

from functools import partial

from counterfoil.server.identity.known_browser import generation_of
from counterfoil.server.identity.password_change import Changed, PasswordChange, renewed
from counterfoil.server.identity.second_factor import still_there
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.noticing.noting import forget_strangers
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction


async def disown(authority: Authority, change: PasswordChange) -> Changed | None:
    """End everything else; ``None``: the session is over, or a password is to be changed with it.

    Raises:
        OAuthError: ``access_denied``: the sign-in is too old.
        StoreUnavailable: nothing was ended.
    """
    return await authority.store.transact(partial(_disown, authority, change))


async def _disown(authority: Authority, change: PasswordChange, tx: Transaction) -> Changed | None:
    await demand_fresh(authority.settings, tx, change.session)
    session = await still_there(authority, tx, change.session)
    user = await tx.users.find(change.session.user_id)
    if session is None or user is None or user.has_password:
        return None
    by = events.by_session(session, change.origin)
    detail = {"of": change.disowned}
    await events.record(tx, EventKind.INTRUSION_REPORTED, by, user.id, detail)
    await forget_strangers(tx, user.id)
    await tx.users.note_intrusion(user.id)
    ending = await revocation.follow(tx, Cause.INTRUSION_REPORTED, user.id, by, session.id)
    now = await tx.users.find(user.id) or user
    return await renewed(tx, session, ending, generation_of(now))
