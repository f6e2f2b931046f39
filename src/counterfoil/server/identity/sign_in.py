"""Signing in with e-mail and password: no way to tell who exists.

ASVS V6.3.8: unknown people cost as much time.
"""

import hmac
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.acr import PASSWORD
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import half_sign_in, known_browser
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.known_browser import NOWHERE, KnownBrowser
from counterfoil.server.identity.more_due import more_due
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.identity.session_start import Beginning, NewSession, begin_session
from counterfoil.server.identity.throttle import locked_until
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.noticing.noting import Arrival
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

_REFUSALS: Final = "sign-ins refused unseen"


class Attempt(Struct, frozen=True):
    """Somebody tries to sign in; ``current`` is the session that the browser already has.

    ``keep``: they want to stay signed in when the browser is closed. ``known`` says in which
    accounts the browser has signed in before.
    """

    email: str
    password: Secret
    origin: Origin
    current: Session | None = None
    keep: bool = False
    known: KnownBrowser = NOWHERE


async def sign_in(
    authority: Authority, passwords: Passwords, attempt: Attempt
) -> NewSession | HalfSignIn | None:
    """Sign somebody in, or give ``None``: nothing more is said about why.

    Where a second factor is due, because they switched one on or it is demanded of them, no
    session begins: half a sign-in is given.

    Raises:
        TooBusy: too many passwords are being checked at the moment.
        StoreUnavailable: nothing was stored.
    """
    user = await authority.store.read(partial(_find, attempt.email))
    stored = user.password_hash if user else None
    right = await passwords.verify(attempt.password.reveal(), stored)
    return await authority.store.transact(
        partial(_conclude, authority, attempt, stored if right else None)
    )


async def _find(email: str, tx: Transaction) -> User | None:
    return await tx.users.find_by_email(email)


async def _conclude(
    authority: Authority, attempt: Attempt, proved: str | None, tx: Transaction
) -> NewSession | HalfSignIn | None:
    user, settings = await tx.users.find_by_email(attempt.email), authority.settings
    if (
        user is None
        or not user.is_enabled
        or not await known_browser.may_try(tx, settings, attempt.known, user)
    ):
        await _count_refusal(tx)
        return None
    by = events.by_user(user.id, attempt.origin)
    # The password may have been changed while it was being verified: then it is a wrong one.
    stored = user.password_hash or ""
    if proved is None or not hmac.compare_digest(stored, proved):
        if user.locked_until <= tx.now:
            until = locked_until(user.failed_sign_ins + 1, tx.now, settings)
            await tx.users.note_failure(user.id, until)
        await events.record(tx, EventKind.SIGN_IN_FAILED, by, user.id)
        return None
    if user.locked_until <= tx.now:
        # Otherwise somebody else guesses: the owner's coming in does not begin their tries anew.
        await tx.users.note_success(user.id)
    known = known_browser.is_known(attempt.known, attempt.current, user, tx.now)
    due = await more_due(authority, tx, Arrival(user, attempt.origin, known), (PASSWORD,))
    if due.more:
        half = half_sign_in.begin(tx, user, keep=attempt.keep)
        return replace(half, browser_known=known, held=due.held)
    beginning = Beginning(attempt.origin, attempt.current, keep=attempt.keep, browser_known=known)
    return await begin_session(authority, tx, user, beginning)


async def _count_refusal(tx: Transaction) -> None:
    """Write, for a commit that costs nothing would tell who exists; one row, however many come."""
    refused = await tx.sealed.raise_to(_REFUSALS, 0)
    await tx.sealed.raise_to(_REFUSALS, refused + 1)
