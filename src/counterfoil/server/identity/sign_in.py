"""Signing in with e-mail and password: a new session each time, and no way to tell who exists.

S104: the session's secret is new at every sign-in; ASVS V6.3.8: unknown people cost as much time.
"""

import hmac
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.identity.throttle import locked_until
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.session import Origin, Session, SessionStyle
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings

_REFUSALS: Final = "sign-ins refused unseen"


class Attempt(Struct, frozen=True):
    """Somebody tries to sign in; ``current`` is the session that the browser already has.

    ``keep``: they want to stay signed in when the browser is closed.
    """

    email: str
    password: Secret
    origin: Origin
    current: Session | None = None
    keep: bool = False


def offers_choice(settings: Settings) -> bool:
    """Say whether the person decides if they stay signed in when the browser is closed (S34)."""
    return settings.session_choice and settings.session_style != "session"


def style_of(settings: Settings, *, keep: bool) -> SessionStyle:
    """Say how long a new sign-in stays in the browser."""
    if offers_choice(settings) and not keep:
        return SessionStyle.SESSION
    return SessionStyle(settings.session_style)


class NewSession(Struct, frozen=True):
    """The new session, with the secret for its cookie."""

    session: Session
    secret: Secret


async def sign_in(
    authority: Authority, passwords: Passwords, attempt: Attempt
) -> NewSession | None:
    """Sign somebody in, or give ``None``: nothing more is said about why.

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
) -> NewSession | None:
    user = await tx.users.find_by_email(attempt.email)
    if user is None or not user.is_enabled or user.locked_until > tx.now:
        await _count_refusal(tx)
        return None
    by = events.by_user(user.id, attempt.origin)
    # The password may have been changed while it was being verified: then it is a wrong one.
    stored = user.password_hash or ""
    if proved is None or not hmac.compare_digest(stored, proved):
        until = locked_until(user.failed_sign_ins + 1, tx.now, authority.settings)
        await tx.users.note_failure(user.id, until)
        await events.record(tx, EventKind.SIGN_IN_FAILED, by, user.id)
        return None
    await tx.users.note_success(user.id)
    return await _start(authority, tx, user, attempt)


async def _count_refusal(tx: Transaction) -> None:
    """Write, for a commit that costs nothing would tell who exists; one row, however many come."""
    refused = await tx.sealed.raise_to(_REFUSALS, 0)
    await tx.sealed.raise_to(_REFUSALS, refused + 1)


async def _start(authority: Authority, tx: Transaction, user: User, attempt: Attempt) -> NewSession:
    """Begin a session; whoever signs in anew keeps theirs, and what goes on in it, renewed."""
    secret = spell(Kind.SESSION, tx.random(SECRET_BYTES))
    current = attempt.current
    renews = current is not None and current.user_id == user.id
    session = Session(
        id=current.id if current is not None and renews else new_handle(tx),
        digest=secret.fingerprint(),
        user_id=user.id,
        auth_time=tx.now,
        last_used_at=tx.now,
        expires_at=tx.now + authority.settings.session_lifetime,
        origin=attempt.origin,
        style=style_of(authority.settings, keep=attempt.keep),
        cookie_set_at=tx.now,
    )
    by = events.by_user(user.id, attempt.origin, events.PASSWORD)
    if not (renews and await tx.sessions.renew(session)):
        session = replace(session, id=new_handle(tx))
        await tx.sessions.add(session)
    if current is not None and not renews:
        await revocation.end_session(tx, current.id, by)
    await events.record(tx, EventKind.SIGNED_IN, by, session.id)
    return NewSession(session, secret)
