"""The second factor: a code of an authenticator app, or a recovery code (RFC 6238, S105).

Wrong codes of an app are counted apart from wrong passwords, and after some no more are looked at
for a while; a recovery code, which nobody can guess, still lets its owner in. So do a few codes a
day from a browser that signed in before: else whoever knows the password keeps its owner out.
"""

import hmac
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.acr import ONE_TIME, acr_of, with_second
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.identity import recovery_codes, totp
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.known_browser import take_try
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.identity.session_start import NewSession, begin_session, of_half
from counterfoil.server.identity.throttle import locked_until
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.second_factor import Authenticator
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

_DAY: Final = 24 * 60 * 60


class Shown(Struct, frozen=True):
    """What somebody typed, from where; ``current`` is the session that the browser has."""

    typed: Secret
    origin: Origin
    current: Session | None = None


class Guess(Struct, frozen=True):
    """What somebody typed as a code of a person; in a browser that signed in to theirs before?

    ``clears``: whether a right one lets their tries begin anew.
    """

    user: User
    typed: Secret
    browser_known: bool = False
    clears: bool = True


async def finish(authority: Authority, half: HalfSignIn, shown: Shown) -> NewSession | None:
    """Make a session of half a sign-in; ``None``: the code was wrong, or the half is over.

    Raises:
        StoreUnavailable: nothing was stored.
    """
    return await authority.store.transact(partial(_finish, authority, half, shown))


async def _finish(
    authority: Authority, half: HalfSignIn, shown: Shown, tx: Transaction
) -> NewSession | None:
    user = await tx.users.find(half.user_id)
    if user is None or not half.is_good(user, tx.now):
        return None
    by = events.by_user(user.id, shown.origin, half.proof)
    guess = Guess(user, shown.typed, half.browser_known)
    # The half is used up last: a wrong code leaves it, and of two right ones it makes one session.
    if not await _is_right(authority, tx, guess, by) or not await half.use_up(tx):
        return None
    whence, amr = (shown.origin, shown.current), with_second(half.amr, ONE_TIME)
    beginning = of_half(half, *whence, amr=amr, proof=events.SECOND_FACTOR)
    return await begin_session(authority, tx, user, beginning)


async def step_up(authority: Authority, shown: Shown) -> NewSession | None:
    """Add a second factor to the session that the browser has; ``None``: the code was wrong.

    The time of the sign-in stays: the password was not shown again. The secret is new.

    Raises:
        StoreUnavailable: nothing was stored.
    """
    return await authority.store.transact(partial(_step_up, authority, shown))


async def _step_up(authority: Authority, shown: Shown, tx: Transaction) -> NewSession | None:
    session = await still_there(authority, tx, shown.current)
    user = await tx.users.find(session.user_id) if session is not None else None
    if session is None or user is None:
        return None
    by = events.by_session(session, shown.origin)
    if not await _is_right(authority, tx, Guess(user, shown.typed), by):
        return None
    return await strengthened(tx, session, by)


async def still_there(
    authority: Authority, tx: Transaction, before: Session | None
) -> Session | None:
    """Give the session that a page was shown in, as it is now; ``None``: it is over."""
    session = await tx.sessions.find(before.id) if before is not None else None
    idle = authority.settings.session_idle_lifetime
    if before is None or session is None or not hmac.compare_digest(session.digest, before.digest):
        return None
    user = await tx.users.find(session.user_id)
    is_good = user is not None and user.is_enabled and session.is_live(tx.now, idle)
    return session if is_good else None


async def strengthened(
    tx: Transaction, session: Session, by: Actor, method: str = ONE_TIME
) -> NewSession:
    """Give a session a second method (RFC 8176) among its own, and a new secret."""
    renewed = await with_methods(tx, session, with_second(session.amr, method))
    if acr_of(renewed.session.amr) != acr_of(session.amr):
        await events.record(tx, EventKind.STEPPED_UP, by, session.id)
    return renewed


async def with_methods(tx: Transaction, session: Session, amr: tuple[str, ...]) -> NewSession:
    """Let a session go on by these methods, under a new secret."""
    secret = spell(Kind.SESSION, tx.random(SECRET_BYTES))
    digest, now = secret.fingerprint(), tx.now
    renewed = replace(session, digest=digest, amr=amr, last_used_at=now, cookie_set_at=now)
    await tx.sessions.renew(renewed)
    return NewSession(renewed, secret)


async def _is_right(authority: Authority, tx: Transaction, guess: Guess, by: Actor) -> bool:
    letters = recovery_codes.read("".join(guess.typed.reveal().split()))
    if letters is not None:
        right = await _spend_recovery_code(authority, tx, guess.user, letters, by)
    else:
        right = await _spend_code(authority, tx, guess)
    if not right:
        await events.record(tx, EventKind.SECOND_FACTOR_FAILED, by, guess.user.id)
    return right


async def _spend_recovery_code(
    authority: Authority, tx: Transaction, user: User, letters: str, by: Actor
) -> bool:
    digest = recovery_codes.digest_of(authority.keys.recovery_codes, user.id, letters)
    if not await tx.second_factors.take_recovery_code(user.id, digest):
        return False
    left = (await tx.second_factors.of_user(user.id)).recovery_codes
    await events.record(tx, EventKind.RECOVERY_CODE_USED, by, user.id, {"left": str(left)})
    await tell(authority, tx, user, LetterKind.RECOVERY_CODE_USED, left=str(left))
    await tx.second_factors.note_success(user.id)
    return True


async def _spend_code(authority: Authority, tx: Transaction, guess: Guess) -> bool:
    user_id = guess.user.id
    authenticator = await tx.second_factors.authenticator(user_id)
    if authenticator is None:
        # Nothing was guessed; and an app that is set up later does not begin with a lock.
        return False

    async def spend(typed: str) -> bool:
        step = totp.step_of(secret_of(authority, authenticator), typed, tx.now)
        return step is not None and await tx.second_factors.spend_step(user_id, step)

    return await is_guessed(authority, tx, guess, spend)


async def is_guessed(
    authority: Authority, tx: Transaction, guess: Guess, spend: Callable[[str], Awaitable[bool]]
) -> bool:
    """Whether a code is right, by ``spend``, which uses it up; after wrong ones comes a pause.

    Codes of an app and codes by mail count together, and pause together.
    """
    user_id = guess.user.id
    failures = await tx.second_factors.failures(user_id)
    is_paused = failures.locked_until > tx.now
    if is_paused and not await _passes_pause(authority, tx, guess):
        return False
    right = await spend("".join(guess.typed.reveal().split()))
    if is_paused:
        # Somebody else guesses: the owner's coming in does not begin their tries anew.
        return right
    if right and not guess.clears:
        return True
    if right:
        await tx.second_factors.note_success(user_id)
        return True
    settings = authority.settings
    most = settings.second_factor_lock_most
    until = locked_until(failures.failures + 1, tx.now, replace(settings, sign_in_lock_most=most))
    await tx.second_factors.note_failure(user_id, until)
    return False


async def _passes_pause(authority: Authority, tx: Transaction, guess: Guess) -> bool:
    """Whether a known browser passes a pause once more today; codes are guessed more easily than
    passwords, so that it is by the day.
    """
    if not guess.browser_known:
        return False
    most = authority.settings.known_browser_tries
    return await take_try(tx, most, f"codes of {guess.user.id}", _DAY)


def secret_of(authority: Authority, authenticator: Authenticator) -> bytes:
    """Open the secret of an authenticator app, which it shares with us."""
    return authority.authenticators.open(authenticator.sealed, context_of(authenticator.user_id))


def context_of(user_id: str) -> str:
    """Say for whom a secret is sealed."""
    return f"authenticator of {user_id}"
