"""A fresh sign-in: asked for before anything changes that guards an account (S105)."""

import hmac
from typing import Final

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings

_TOO_OLD: Final = say("You signed in too long ago for this. Sign in again, then do it once more.")


def is_recent(settings: Settings, auth_time: int, now: int) -> bool:
    """Whether a sign-in at ``auth_time`` is recent enough."""
    return now < auth_time + settings.fresh_sign_in_age


def is_fresh(settings: Settings, session: Session, factors: Factors, now: int) -> bool:
    """Whether a session was signed in to just now, by what the person has to show.

    So whoever has a passkey shows it, although their password alone signs them in: otherwise who
    learns the password could add a passkey of their own beside it, or an app.
    """
    was_shown = factors.were_shown(session.amr, session.auth_time)
    return was_shown and is_recent(settings, session.auth_time, now)


async def demand_fresh(settings: Settings, tx: Transaction, session: Session) -> Session:
    """Demand it in the transaction of the change; gives the session as it is now.

    Raises:
        OAuthError: ``access_denied``; nothing was changed.
    """
    found = await tx.sessions.find(session.id)
    factors = await tx.second_factors.of_user(session.user_id)
    if (
        found is None
        or not hmac.compare_digest(found.digest, session.digest)
        or not found.is_live(tx.now, settings.session_idle_lifetime)
        or not is_fresh(settings, found, factors, tx.now)
    ):
        raise OAuthError("access_denied", _TOO_OLD)
    return found
