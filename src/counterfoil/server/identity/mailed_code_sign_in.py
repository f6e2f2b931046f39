"""A code by mail as the second step of a sign-in that was begun in this very browser (V6.6.2)."""

from functools import partial

from msgspec.structs import replace

from counterfoil.oauth.acr import with_mailed_code
from counterfoil.server.identity import half_sign_in, mailed_code
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.mailed_code import Asked, Sent
from counterfoil.server.identity.second_factor import Guess, Shown
from counterfoil.server.identity.session_start import NewSession, begin_session, of_half
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.second_factor_policy import least_of_person, takes_mailed_code
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


async def send(authority: Authority, half: HalfSignIn, origin: Origin, language: str) -> Sent:
    """Send a code for half a sign-in, to whom has chosen that.

    Raises:
        StoreUnavailable: nothing was sent.
    """

    async def work(tx: Transaction) -> Sent:
        user = await _person_of(authority, half, tx)
        if user is None:
            return Sent.OVER
        until = half.at + half_sign_in.LIFETIME
        asked = Asked(_holder_of(half), until, language, half.browser_known)
        by = events.by_user(user.id, origin, half.proof)
        return await mailed_code.send(authority, tx, user, (asked, by))

    return await authority.store.transact(work)


async def finish(
    authority: Authority, half: HalfSignIn, shown: Shown
) -> NewSession | HalfSignIn | None:
    """Make a session of half a sign-in; ``None``: the code was wrong, or the half is over.

    Where more is demanded of somebody who has nothing more yet, half a sign-in goes on: they set it
    up, having shown what they have.

    Raises:
        StoreUnavailable: nothing was stored.
    """
    return await authority.store.transact(partial(_finish, authority, half, shown))


async def _finish(
    authority: Authority, half: HalfSignIn, shown: Shown, tx: Transaction
) -> NewSession | HalfSignIn | None:
    user = await _person_of(authority, half, tx)
    if user is None:
        return None
    by = events.by_user(user.id, shown.origin, half.proof)
    guess = Guess(user, shown.typed, half.browser_known)
    if not await mailed_code.spend(authority, tx, guess, _holder_of(half), by):
        return None
    if not await half.use_up(tx):
        return None
    amr = with_mailed_code(half.amr)
    if least_of_person(authority.settings, user) is not None:
        return replace(half, id=new_handle(tx), amr=amr)
    beginning = of_half(half, shown.origin, shown.current, amr=amr, proof=events.MAILED_CODE)
    return await begin_session(authority, tx, user, beginning)


async def _person_of(authority: Authority, half: HalfSignIn, tx: Transaction) -> User | None:
    """Give whose half it is, if a code by mail is a second step for them."""
    user = await tx.users.find(half.user_id)
    if user is None or half.held or not half.is_good(user, tx.now):
        return None
    factors = await tx.second_factors.of_user(user.id)
    takes = takes_mailed_code(authority.settings, user, factors, half.amr)
    return user if takes else None


def _holder_of(half: HalfSignIn) -> str:
    return f"half {half.id}"
