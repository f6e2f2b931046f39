"""Signing in by a passkey: no e-mail, no password, and nobody is named before (S76)."""

from functools import partial

from msgspec import Struct

from counterfoil.server.identity import passkey_proof
from counterfoil.server.identity.ceremony import Answer, Holder, Purpose
from counterfoil.server.identity.passkey_proof import Verified
from counterfoil.server.identity.session_start import Beginning, NewSession, begin_session
from counterfoil.server.identity.webauthn import NotProved
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction


class PasskeyAttempt(Struct, frozen=True):
    """Somebody tries to sign in; ``browser`` is the public name of theirs.

    ``current`` is the session that it already has; ``keep``: they want to stay signed in when it
    is closed.
    """

    answer: Answer
    browser: str
    origin: Origin
    current: Session | None = None
    keep: bool = False


async def sign_in_by_passkey(
    authority: Authority, attempt: PasskeyAttempt, now: float
) -> NewSession | None:
    """Sign somebody in, or give ``None``: nothing more is said about why.

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
) -> NewSession | None:
    proved = await passkey_proof.spend(authority, tx, verified, attempt.origin)
    if proved is None:
        return None
    beginning = Beginning(
        attempt.origin, attempt.current, keep=attempt.keep, amr=proved.amr, proof=proved.proof
    )
    return await begin_session(authority, tx, proved.user, beginning)
