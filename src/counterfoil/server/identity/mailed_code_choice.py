"""Choosing to have codes sent by mail, which counts once one was typed; and choosing otherwise."""

from functools import partial

from counterfoil.oauth.acr import with_mailed_code
from counterfoil.server.identity import mailed_code
from counterfoil.server.identity.mailed_code import LIFETIME, Asked, Sent
from counterfoil.server.identity.second_factor import Guess, Shown, with_methods
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.profile import vouch_for_email
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


async def send(authority: Authority, session: Session, origin: Origin, language: str) -> Sent:
    """Send a code to whoever wants to have them, from a fresh session.

    Raises:
        OAuthError: ``access_denied``: the sign-in is not fresh.
        StoreUnavailable: nothing was sent.
    """

    async def work(tx: Transaction) -> Sent:
        fresh = await demand_fresh(authority.settings, tx, session)
        user = await _who_may_choose(authority, tx, fresh)
        if user is None:
            return Sent.OVER
        asked = Asked(_holder_of(fresh), tx.now + LIFETIME, language, browser_known=True)
        by = events.by_session(fresh, origin)
        return await mailed_code.send(authority, tx, user, (asked, by))

    return await authority.store.transact(work)


async def choose(authority: Authority, shown: Shown) -> NewSession | None:
    """Have codes sent from now on; ``None``: the code was wrong, or there is nothing to choose.

    The session goes on under a new secret, and all others end: they had the password alone.

    Raises:
        OAuthError: ``access_denied``: the sign-in is not fresh.
        StoreUnavailable: nothing was changed.
    """
    return await authority.store.transact(partial(_choose, authority, shown))


async def _choose(authority: Authority, shown: Shown, tx: Transaction) -> NewSession | None:
    if shown.current is None:
        return None
    session = await demand_fresh(authority.settings, tx, shown.current)
    user = await _who_may_choose(authority, tx, session)
    if user is None:
        return None
    by = events.by_session(session, shown.origin)
    guess = Guess(user, shown.typed, browser_known=True)
    if not await mailed_code.spend(authority, tx, guess, _holder_of(session), by):
        return None
    if not await tx.second_factors.choose_mailed_codes(user.id, tx.now):
        return None
    if not user.email_verified:
        await vouch_for_email(tx, user, by)
    await events.record(tx, EventKind.MAILED_CODES_ADDED, by, user.id)
    await tell(authority, tx, user, LetterKind.MAILED_CODES_ON)
    begun = await with_methods(tx, session, with_mailed_code(session.amr))
    await revocation.follow(tx, Cause.MAILED_CODES_ADDED, user.id, by, session.id)
    return begun


async def drop(authority: Authority, session: Session, origin: Origin) -> bool:
    """Have no codes sent any more; ``False`` where none were.

    Raises:
        OAuthError: ``access_denied``: the sign-in is not fresh.
    """

    async def work(tx: Transaction) -> bool:
        fresh = await demand_fresh(authority.settings, tx, session)
        user = await tx.users.find(fresh.user_id)
        by = events.by_session(fresh, origin)
        return user is not None and await take_away(authority, tx, user, (by, None))

    return await authority.store.transact(work)


async def take_away(
    authority: Authority, tx: Transaction, user: User, acting: tuple[Actor, Cause | None]
) -> bool:
    """Take somebody's choice away, and tell them; ``False`` where they had not chosen it.

    A password that was chosen anew by mail is a cause: a code would show the same mailbox again.
    """
    by, why = acting
    if not await tx.second_factors.drop_mailed_codes(user.id):
        return False
    detail = {"why": why.value} if why is not None else {}
    await events.record(tx, EventKind.MAILED_CODES_REMOVED, by, user.id, detail)
    await tell(authority, tx, user, LetterKind.MAILED_CODES_OFF)
    return True


async def _who_may_choose(authority: Authority, tx: Transaction, session: Session) -> User | None:
    user = await tx.users.find(session.user_id)
    if user is None or not user.is_enabled or not authority.settings.mailed_codes:
        return None
    factors = await tx.second_factors.of_user(user.id)
    return user if factors.mailed_since is None else None


def _holder_of(session: Session) -> str:
    """Name a session by its present secret: what was sent to it is nothing to a copy of before."""
    return f"session {session.digest.hex()}"
