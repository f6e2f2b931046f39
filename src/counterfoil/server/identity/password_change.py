"""A person changes their own password: the old one is proved, and what must end ends (S38, S104).

The session in which it is done goes on under a new secret: a stolen copy of its cookie is worth
nothing afterwards.
"""

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.acr import PASSWORD
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.identity import known_browser, recovery
from counterfoil.server.identity.known_browser import NOWHERE, KnownBrowser, generation_of
from counterfoil.server.identity.passwords import Passwords, demand_allowed
from counterfoil.server.identity.second_factor import still_there
from counterfoil.server.identity.throttle import locked_until
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.noticing.noting import forget_strangers
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class PasswordChange(Struct, frozen=True):
    """Who wants which password instead of which, in which session, from where.

    ``disowned`` is the number of an event, or the name of a session, of which the person says that
    it was not them. ``known`` says in which accounts the browser has signed in before.
    """

    session: Session
    current: Secret
    new: Secret
    origin: Origin
    disowned: str = ""
    known: KnownBrowser = NOWHERE


class Changed(Struct, frozen=True):
    """The session goes on with the new ``secret``; ``ending`` is what has ended elsewhere.

    ``generation`` names the new password.
    """

    session: Session
    secret: Secret
    ending: Ending
    generation: str


class _Proved(Struct, frozen=True):
    """The hash that the current password was verified against, and the hash of the new one."""

    before: str
    after: str


async def change_password(
    authority: Authority, passwords: Passwords, change: PasswordChange
) -> Changed | None:
    """Change a password, or give ``None``: the current one is wrong, the account is locked, or the
    session has ended or has another secret by now.

    A wrong one counts as a failed sign-in, for whoever holds a stolen session guesses here too.

    Raises:
        OAuthError: ``access_denied``: a second factor is on, and was not shown just now.
        PasswordRefused: the new one is too short, too long, or easily guessed.
        TooBusy: too many passwords are being checked at the moment.
        StoreUnavailable: nothing was changed.
    """
    demand_allowed(change.new.reveal())
    user = await authority.store.read(partial(_find, change.session.user_id))
    stored = user.password_hash if user else None
    about = recovery.about(authority, user.email, user.name) if user else ()
    proved = None
    if await passwords.verify(change.current.reveal(), stored) and stored is not None:
        proved = _Proved(stored, await passwords.choose(change.new.reveal(), about))
    return await authority.store.transact(partial(_conclude, authority, change, proved))


async def _find(user_id: str, tx: Transaction) -> User | None:
    return await tx.users.find(user_id)


async def _conclude(
    authority: Authority, change: PasswordChange, proved: _Proved | None, tx: Transaction
) -> Changed | None:
    user = await tx.users.find(change.session.user_id)
    # Under the same secret: what was made stronger meanwhile is not handed to a copy of its cookie.
    session = await still_there(authority, tx, change.session)
    if session is None or user is None:
        return None
    if not await known_browser.may_try(tx, authority.settings, change.known, user):
        return None
    if (await tx.second_factors.of_user(user.id)).is_on:
        await demand_fresh(authority.settings, tx, change.session)
    by = events.by_session(session, change.origin)
    # The current password may have been replaced while it was being verified.
    if proved is None or not await tx.users.change_password(user.id, proved.before, proved.after):
        if user.locked_until <= tx.now:
            until = locked_until(user.failed_sign_ins + 1, tx.now, authority.settings)
            await tx.users.note_failure(user.id, until)
        await events.record(tx, EventKind.SIGN_IN_FAILED, by, user.id, {"at": "password change"})
        return None
    await tx.users.note_success(user.id)
    await events.record(tx, EventKind.PASSWORD_CHANGED, by, user.id)
    await recovery.tell_of_password(authority, tx, user)
    cause = Cause.PASSWORD_CHANGED
    if change.disowned:
        cause, detail = Cause.INTRUSION_REPORTED, {"of": change.disowned}
        await events.record(tx, EventKind.INTRUSION_REPORTED, by, user.id, detail)
        await forget_strangers(tx, user.id)
    ending = await revocation.follow(tx, cause, user.id, by, session.id)
    generation = generation_of(replace(user, password_hash=proved.after))
    return await renewed(tx, session, ending, generation)


async def renewed(tx: Transaction, session: Session, ending: Ending, generation: str) -> Changed:
    """Let a session go on under a new secret. ``generation`` names the password by now."""
    secret = spell(Kind.SESSION, tx.random(SECRET_BYTES))
    # What was shown now is the password alone: a stronger sign-in keeps its time.
    shown_at = tx.now if session.amr == (PASSWORD,) else session.auth_time
    times = {"auth_time": shown_at, "last_used_at": tx.now, "cookie_set_at": tx.now}
    anew = replace(session, digest=secret.fingerprint(), **times)
    await tx.sessions.renew(anew)
    return Changed(anew, secret, ending, generation)
