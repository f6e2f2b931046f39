"""Changing the second factor: by the person from a fresh session, or taken away (S105)."""

from functools import partial

from counterfoil.server.identity.enrolment import new_codes
from counterfoil.server.identity.mailed_code_choice import take_away
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction


async def renew_codes(authority: Authority, session: Session, origin: Origin) -> tuple[str, ...]:
    """Draw new recovery codes; those before are good no more. None where no factor is on.

    Raises:
        OAuthError: ``access_denied``: the sign-in is not fresh.
    """

    async def work(tx: Transaction) -> tuple[str, ...]:
        fresh = await demand_fresh(authority.settings, tx, session)
        if not (await tx.second_factors.of_user(fresh.user_id)).is_on:
            return ()
        codes = await new_codes(authority, tx, fresh.user_id)
        by = events.by_session(fresh, origin)
        await events.record(tx, EventKind.RECOVERY_CODES_MADE, by, fresh.user_id)
        return codes

    return await authority.store.transact(work)


async def switch_off(authority: Authority, session: Session, origin: Origin) -> bool:
    """Take the authenticator app and the recovery codes away; ``False`` where there was none.

    Raises:
        OAuthError: ``access_denied``: the sign-in is not fresh.
    """
    return await authority.store.transact(partial(_switch_off, authority, session, origin))


async def _switch_off(
    authority: Authority, session: Session, origin: Origin, tx: Transaction
) -> bool:
    fresh = await demand_fresh(authority.settings, tx, session)
    return await _removed(authority, tx, fresh.user_id, events.by_session(fresh, origin))


async def _removed(authority: Authority, tx: Transaction, user_id: str, by: Actor) -> bool:
    user = await tx.users.find(user_id)
    if user is None or not await tx.second_factors.remove(user_id):
        return False
    await events.record(tx, EventKind.SECOND_FACTOR_REMOVED, by, user_id)
    await tell(authority, tx, user, LetterKind.SECOND_FACTOR_OFF)
    return True


async def reset(authority: Authority, tx: Transaction, user_id: str, by: Actor) -> Ending:
    """Take a person's second factors away for them, passkeys and codes by mail too; all ends.

    They sign in with the password alone then, and set another up where that is demanded.
    """
    user = await tx.users.find(user_id)
    had_app = await _removed(authority, tx, user_id, by)
    had_keys = await remove_passkeys(tx, user_id, by, Cause.SECOND_FACTOR_RESET)
    had_codes = user is not None and await take_away(
        authority, tx, user, (by, Cause.SECOND_FACTOR_RESET)
    )
    if user is None or not (had_app or had_keys or had_codes):
        return await revocation.nothing_ended(tx)
    if had_keys:
        await tell(authority, tx, user, LetterKind.PASSKEY_REMOVED)
    return await revocation.follow(tx, Cause.SECOND_FACTOR_RESET, user_id, by)


async def remove_passkeys(tx: Transaction, user_id: str, by: Actor, why: Cause) -> bool:
    """Remove every passkey of somebody who gets in by other means; ``False``: there was none."""
    own = await tx.passkeys.of_user(user_id)
    await tx.passkeys.remove_of(user_id)
    for passkey in own:
        detail = {"passkey": passkey.id, "why": why.value}
        await events.record(tx, EventKind.PASSKEY_REMOVED, by, user_id, detail)
    return bool(own)
