"""Signing in by a passkey: no e-mail, no password, and nobody is named before (S76)."""

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.identity import half_sign_in, known_browser, passkey_proof
from counterfoil.server.identity.ceremony import Answer, Holder, Purpose
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.known_browser import NOWHERE, KnownBrowser
from counterfoil.server.identity.more_due import more_due
from counterfoil.server.identity.passkey_proof import Verified
from counterfoil.server.identity.session_start import Beginning, NewSession, begin_session
from counterfoil.server.identity.webauthn import NotProved
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.noticing.noting import Arrival
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction


class PasskeyAttempt(Struct, frozen=True):
    """Somebody tries to sign in; ``browser`` is the public name of theirs.

    ``current`` is the session that it already has; ``keep``: they want to stay signed in when it
    is closed. ``known`` says in which accounts the browser has signed in before.
    """

    answer: Answer
    browser: str
    origin: Origin
    current: Session | None = None
    keep: bool = False
    known: KnownBrowser = NOWHERE


async def sign_in_by_passkey(
    authority: Authority, attempt: PasskeyAttempt, now: float
) -> NewSession | HalfSignIn | None:
    """Sign somebody in, or give ``None``: nothing more is said about why.

    Where more than one factor is due, and the passkey was only touched, half a sign-in is given.

    Raises:
        StoreUnavailable: nothing was stored.
    """
    holder = Holder(Purpose.SIGN_IN, attempt.browser)
    try:
        verified = await passkey_proof.verify(authority, holder, attempt.answer, now)
    except NotProved:
        return None
    return await authority.store.transact(partial(_conclude, authority, attempt, verified))


async def _conclude(
    authority: Authority, attempt: PasskeyAttempt, verified: Verified, tx: Transaction
) -> NewSession | HalfSignIn | None:
    proved = await passkey_proof.spend(authority, tx, verified, attempt.origin)
    if proved is None:
        return None
    user = proved.user
    known = known_browser.is_known(attempt.known, attempt.current, user, tx.now)
    arrival = Arrival(user, attempt.origin, known, proved.proof)
    due = await more_due(authority, tx, arrival, proved.amr)
    if due.more:
        begun = half_sign_in.begin(tx, user, keep=attempt.keep)
        half = replace(begun, amr=proved.amr, browser_known=known, proof=proved.proof)
        return replace(half, held=due.held)
    beginning = Beginning(
        attempt.origin,
        attempt.current,
        keep=attempt.keep,
        amr=proved.amr,
        proof=proved.proof,
        browser_known=known,
    )
    return await begin_session(authority, tx, user, beginning)
