"""Setting up an authenticator app: it counts only once it has shown one right code (RFC 6238).

Until then its secret travels sealed in the form, for one person and one browser, and costs no row.
"""

from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.oauth.acr import ONE_TIME, with_second
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import recovery_codes, totp
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.second_factor import context_of, strengthened
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.identity.session_start import NewSession, begin_session, of_half
from counterfoil.server.keys.sealed_text import opened_text, sealed_text
from counterfoil.server.keys.sealing import NotSealed, Sealing
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.protocol.second_factor_policy import least_of_person, mailed_code_is_due
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.second_factor import Authenticator
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings

LIFETIME: Final = 30 * 60
"""Seconds that somebody may take to set their app up."""


class Setup(Struct, frozen=True):
    """A secret that was drawn for a person, at a time in seconds, and is not kept yet."""

    user_id: str
    secret: bytes
    at: int

    def __repr__(self) -> str:
        return f"Setup(user_id={self.user_id!r})"


class Confirmation(Struct, frozen=True):
    """The code that somebody's app shows, from where; ``current``: the session of the browser."""

    setup: Setup
    typed: Secret
    origin: Origin
    current: Session | None = None


class Enrolled(Struct, frozen=True):
    """A second factor is on: the session goes on, its codes are shown this once, others ended."""

    begun: NewSession
    codes: tuple[str, ...]
    ending: Ending

    def __repr__(self) -> str:
        return "Enrolled(…)"


def seal(sealing: Sealing, setup: Setup, holder: str) -> str:
    """Seal a setup for one holder: the public name of a browser or a session."""
    return sealed_text(sealing, setup, _context(holder))


def unseal(sealing: Sealing, sealed: str, holder: str, now: int) -> Setup | None:
    """Open what ``seal`` made; ``None`` where it is not ours, another's, or too old."""
    try:
        setup = opened_text(sealing, sealed, _context(holder), Setup)
    except NotSealed:
        return None
    return setup if now < setup.at + LIFETIME else None


def _context(holder: str) -> str:
    return f"authenticator to be of {holder}"


async def enrol_on_the_way(
    authority: Authority, half: HalfSignIn, confirmation: Confirmation
) -> Enrolled | None:
    """Switch the factor on and begin the session; ``None``: a wrong code, or it may not be.

    Only right after the first factor, and only where there is none: whoever has one shows that.

    Raises:
        StoreUnavailable: nothing was stored.
    """
    return await authority.store.transact(partial(_on_the_way, authority, half, confirmation))


async def _on_the_way(
    authority: Authority, half: HalfSignIn, confirmation: Confirmation, tx: Transaction
) -> Enrolled | None:
    user = await tx.users.find(half.user_id)
    if user is None or not half.is_good(user, tx.now):
        return None
    by = events.by_user(user.id, confirmation.origin, half.proof)
    if not _may_enrol(authority.settings, user) or _step_in(confirmation, user, tx.now) is None:
        return None
    # A password alone adds no app beside a passkey, nor where a code by mail is asked for first.
    factors = await tx.second_factors.of_user(user.id)
    lacks_code = mailed_code_is_due(authority.settings, user, factors, half.amr)
    if lacks_code or not factors.were_shown(half.amr, half.at):
        return None
    codes = await _switch_on(authority, tx, user, confirmation) if await half.use_up(tx) else None
    if codes is None:
        return None
    await events.record(tx, EventKind.SECOND_FACTOR_ADDED, by, user.id)
    await tell(authority, tx, user, LetterKind.SECOND_FACTOR_ON)
    whence, amr = (confirmation.origin, confirmation.current), with_second(half.amr, ONE_TIME)
    beginning = of_half(half, *whence, amr=amr, proof=events.SECOND_FACTOR)
    begun = await begin_session(authority, tx, user, beginning)
    return Enrolled(begun, codes, await _ended(tx, user, begun, by))


async def enrol(authority: Authority, confirmation: Confirmation) -> Enrolled | None:
    """Switch the factor on from a fresh session, which goes on; ``None``: a wrong code.

    Raises:
        OAuthError: ``access_denied``: the sign-in is not fresh.
        StoreUnavailable: nothing was stored.
    """
    return await authority.store.transact(partial(_enrol, authority, confirmation))


async def _enrol(
    authority: Authority, confirmation: Confirmation, tx: Transaction
) -> Enrolled | None:
    if confirmation.current is None:
        return None
    session = await demand_fresh(authority.settings, tx, confirmation.current)
    user = await tx.users.find(session.user_id)
    if user is None or not user.is_enabled:
        return None
    by = events.by_session(session, confirmation.origin)
    codes = await _switch_on(authority, tx, user, confirmation)
    if codes is None:
        return None
    await events.record(tx, EventKind.SECOND_FACTOR_ADDED, by, user.id)
    await tell(authority, tx, user, LetterKind.SECOND_FACTOR_ON)
    begun = await strengthened(tx, session, by)
    return Enrolled(begun, codes, await _ended(tx, user, begun, by))


async def _switch_on(
    authority: Authority, tx: Transaction, user: User, confirmation: Confirmation
) -> tuple[str, ...] | None:
    step = _step_in(confirmation, user, tx.now)
    if step is None or (await tx.second_factors.of_user(user.id)).is_on:
        return None
    sealed = authority.authenticators.seal(confirmation.setup.secret, context_of(user.id))
    authenticator = Authenticator(user_id=user.id, sealed=sealed, added_at=tx.now, last_step=step)
    if not await tx.second_factors.add_authenticator(authenticator):
        return None
    return await new_codes(authority, tx, user.id)


def _may_enrol(settings: Settings, user: User) -> bool:
    return settings.second_factor_enrolment and least_of_person(settings, user) is not None


def _step_in(confirmation: Confirmation, user: User, now: int) -> int | None:
    """Give the step of a right code; ``None`` where it is wrong, or the setup is another's."""
    setup, typed = confirmation.setup, "".join(confirmation.typed.reveal().split())
    return totp.step_of(setup.secret, typed, now) if setup.user_id == user.id else None


async def new_codes(authority: Authority, tx: Transaction, user_id: str) -> tuple[str, ...]:
    """Draw recovery codes in place of those before; only digests are kept."""
    codes = recovery_codes.drawn(tx)
    key = authority.keys.recovery_codes
    digests = recovery_codes.digests_of(key, user_id, codes)
    await tx.second_factors.put_recovery_codes(user_id, digests)
    return codes


async def _ended(tx: Transaction, user: User, begun: NewSession, by: Actor) -> Ending:
    return await revocation.follow(tx, Cause.SECOND_FACTOR_ADDED, user.id, by, begun.session.id)
