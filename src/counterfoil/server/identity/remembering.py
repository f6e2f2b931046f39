"""Remembering a browser when its session is over: by a token that gets a session, and nothing else.

Such a session rests on the sign-in by which the browser came to be remembered (S24, S35): whatever
asks for a fresher or a stronger one still does. The token changes at each use, and an older one
that is shown again ends all that came of it.
"""

import hmac
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.acr import MULTIPLE, first_factor, is_enough
from counterfoil.oauth.opaque import SECRET_BYTES
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.identity.session_start import (
    Beginning,
    NewSession,
    Recollection,
    begin_session,
)
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.remember_tokens import RememberToken, first_token
from counterfoil.server.protocol.second_factor_policy import least_of_person, mailed_code_is_due
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings

MOST: Final = 20
"""So many browsers of a person are remembered; the one that was used longest ago goes first."""
RETRY_WINDOW: Final = 60
"""Seconds for which the value before is answered once more as it was: an answer may have been lost,
or two tabs may have come at once."""
REUSED: Final = "remembered_reused"


class Shown(Struct, frozen=True):
    """What a browser shows: its token, its own name, and from where."""

    token: RememberToken
    browser: str
    origin: Origin


class Found(Struct, frozen=True):
    """Whom a browser is remembered for. ``opens`` is the session that it would get.

    Without one it only greets: the person shows who they are.
    """

    user: User
    opens: Session | None


class Kept(Struct, frozen=True):
    """The browser's next token, and until when it is good, in seconds since the epoch."""

    token: RememberToken
    until: int


class Recalled(Struct, frozen=True):
    """The session that a remembered browser got, and what it is remembered by from now on."""

    begun: NewSession
    kept: Kept


class Reused(Struct, frozen=True):
    """The token was shown by somebody who should not have it: all that came of it has ended."""


async def remember(
    authority: Authority, tx: Transaction, session: Session, browser: str
) -> Kept | None:
    """Remember a browser in which somebody has just signed in; ``None``: none is remembered here.

    So it is too where the session has ended, or has another secret by now.
    """
    lifetime = authority.settings.remember_lifetime
    remembered_id = new_handle(tx)
    if not lifetime or not await tx.sessions.tie(session.id, session.digest, remembered_id):
        return None
    token = first_token(authority.keys.remembering, remembered_id, tx.random(SECRET_BYTES))
    remembered = RememberedBrowser(
        id=remembered_id,
        user_id=session.user_id,
        digest=token.digest,
        browser=browser,
        auth_time=session.auth_time,
        amr=session.amr,
        used_at=tx.now,
        expires_at=_first_until(authority.settings, session, tx.now),
        origin=session.origin,
    )
    await tx.remembered_browsers.add(remembered)
    by = events.by_session(session, session.origin)
    detail = {"remembered": remembered_id}
    await events.record(tx, EventKind.BROWSER_REMEMBERED, by, session.user_id, detail)
    for each in (await tx.remembered_browsers.of_user(session.user_id))[MOST:]:
        await revocation.forget_browser(tx, each, "too_many", by)
    return Kept(token, remembered.expires_at)


async def find(authority: Authority, tx: Transaction, shown: Shown) -> Found | None:
    """Say for whom a browser is remembered, and what it would get. It changes nothing."""
    remembered = await _standing(authority.settings, tx, shown)
    if remembered is None or not _is_as_given(shown, remembered, tx.now):
        return None
    user = await tx.users.find(remembered.user_id)
    if user is None or not user.is_enabled:
        return None
    factors = await tx.second_factors.of_user(user.id)
    return Found(user, _opens(authority.settings, (user, factors), remembered, tx.now))


async def recall(authority: Authority, tx: Transaction, shown: Shown) -> Recalled | Reused | None:
    """Give a remembered browser a session and its next token; ``None``: it only greets, or is none.

    To be called in a transaction that commits whatever it gives.
    """
    remembered = await _standing(authority.settings, tx, shown)
    if remembered is None:
        return None
    if not _is_as_given(shown, remembered, tx.now):
        await _end_reused(authority, tx, remembered, shown)
        return Reused()
    found = await find(authority, tx, shown)
    if found is None or found.opens is None:
        return None
    if hmac.compare_digest(shown.token.digest, remembered.before):
        return await _again(authority, tx, remembered, shown)
    return await _use(authority, tx, remembered, (shown, found.user, found.opens))


async def _again(
    authority: Authority, tx: Transaction, remembered: RememberedBrowser, shown: Shown
) -> Recalled | None:
    """Answer as it was answered a moment ago, if that session still stands as it was given."""
    key = authority.keys.remembering
    secret = shown.token.session_secret(key)
    session = await tx.sessions.find_by_digest(secret.fingerprint())
    idle = authority.settings.session_idle_lifetime
    if session is None or not session.is_live(tx.now, idle):
        return None
    kept = Kept(shown.token.next(key), remembered.expires_at)
    return Recalled(NewSession(session, secret), kept)


async def _use(
    authority: Authority,
    tx: Transaction,
    remembered: RememberedBrowser,
    given: tuple[Shown, User, Session],
) -> Recalled | None:
    shown, user, opens = given
    key, settings = authority.keys.remembering, authority.settings
    after = shown.token.next(key)
    used = replace(
        remembered,
        digest=after.digest,
        before=shown.token.digest,
        number=after.number,
        used_at=tx.now,
        expires_at=_until(settings, remembered, tx.now),
        origin=shown.origin,
    )
    if not await tx.remembered_browsers.rotate(used):
        return None
    beginning = Beginning(
        shown.origin,
        await _session_of(settings, tx, used),
        keep=True,
        proof=f"remembered:{used.id}",
        browser_known=True,
        recollection=Recollection(opens, shown.token.session_secret(key)),
    )
    begun = await begin_session(authority, tx, user, beginning)
    return Recalled(begun, Kept(after, used.expires_at))


async def let_go(authority: Authority, tx: Transaction, shown: Shown) -> None:
    """Forget the browser in which somebody has signed in anew: they say what becomes of it.

    What was shown may be an older value here too: then somebody else has those after it.
    """
    remembered = await _standing(authority.settings, tx, shown)
    if remembered is None:
        return
    if not _is_as_given(shown, remembered, tx.now):
        await _end_reused(authority, tx, remembered, shown)
        return
    by = events.by_user(remembered.user_id, shown.origin, f"remembered:{remembered.id}")
    await revocation.forget_browser(tx, remembered, "signed_in_anew", by)


async def sign_out(tx: Transaction, shown: Shown) -> None:
    """Forget the browser at which somebody signs out, and end whatever it got by being remembered.

    However old the value is that it shows; a copy of it in another browser ends nothing.
    """
    remembered = await tx.remembered_browsers.find(shown.token.remembered_id)
    if remembered is None or not hmac.compare_digest(remembered.browser, shown.browser):
        return
    by = events.by_user(remembered.user_id, shown.origin, f"remembered:{remembered.id}")
    await revocation.end_remembered(tx, remembered, "signed_out", by)


async def _standing(settings: Settings, tx: Transaction, shown: Shown) -> RememberedBrowser | None:
    remembered = await tx.remembered_browsers.find(shown.token.remembered_id)
    if remembered is None or tx.now >= _clipped(settings, remembered):
        return None
    return remembered


def _clipped(settings: Settings, remembered: RememberedBrowser) -> int:
    """Say until when one is good, by the settings as they are now."""
    since = remembered.used_at if settings.remembers_for_ever else remembered.auth_time
    return min(remembered.expires_at, since + settings.remember_lifetime)


def _first_until(settings: Settings, session: Session, now: int) -> int:
    """A sign-in may be older than the session: the cookie is to be no longer good than its row."""
    since = now if settings.remembers_for_ever else session.auth_time
    return since + settings.remember_lifetime


def _until(settings: Settings, remembered: RememberedBrowser, now: int) -> int:
    if settings.remembers_for_ever:
        return now + settings.remember_lifetime
    return _clipped(settings, remembered)


def _is_as_given(shown: Shown, remembered: RememberedBrowser, now: int) -> bool:
    """Whether the browser shows what it was given last, or a moment ago the one before."""
    if not hmac.compare_digest(shown.browser, remembered.browser):
        return False
    if hmac.compare_digest(shown.token.digest, remembered.digest):
        return True
    is_before = hmac.compare_digest(shown.token.digest, remembered.before)
    return is_before and now < remembered.used_at + RETRY_WINDOW


def _opens(
    settings: Settings, whose: tuple[User, Factors], remembered: RememberedBrowser, now: int
) -> Session | None:
    """Say which session a browser gets by itself; ``None``: policy asks for more."""
    user, factors = whose
    if settings.remember_behind_proof:
        return None
    if factors.is_on and not is_enough(remembered.amr, MULTIPLE):
        return None
    if mailed_code_is_due(settings, user, factors, remembered.amr):
        return None
    amr = remembered.amr if settings.remember_second_factor else first_factor(remembered.amr)
    if not is_enough(amr, least_of_person(settings, user)):
        return None
    interval = settings.reproof_interval
    if interval and now >= remembered.auth_time + interval:
        return None
    return Session(
        id="",
        digest=b"",
        user_id=user.id,
        auth_time=remembered.auth_time,
        last_used_at=now,
        expires_at=min(now + settings.session_lifetime, _until(settings, remembered, now)),
        origin=remembered.origin,
        amr=amr,
        remembered_id=remembered.id,
        recalled=True,
    )


async def _session_of(
    settings: Settings, tx: Transaction, remembered: RememberedBrowser
) -> Session | None:
    """Find the session that the browser still has, though it may have lost the cookie."""
    own = await tx.sessions.of_user(remembered.user_id)
    idle = settings.session_idle_lifetime
    live = (each for each in own if each.is_live(tx.now, idle))
    return next((each for each in live if each.remembered_id == remembered.id), None)


async def _end_reused(
    authority: Authority, tx: Transaction, remembered: RememberedBrowser, shown: Shown
) -> None:
    by = Actor(events.ANYONE, shown.origin)
    detail = {"remembered": remembered.id}
    await events.record(tx, EventKind.REMEMBERED_REUSED, by, remembered.user_id, detail)
    await revocation.end_remembered(tx, remembered, REUSED, by)
    user = await tx.users.find(remembered.user_id)
    if user is not None:
        await tell(authority, tx, user, LetterKind.REMEMBERED_REUSED)
