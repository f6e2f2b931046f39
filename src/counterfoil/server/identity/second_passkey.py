"""The second factor by a passkey, after a password: two of different kinds (WebAuthn §7.2, S105).

The challenge is sealed to the browser and to the one half of a sign-in, or session, that asks; it
is good for its person alone, and is spent in the transaction of what it is for.
"""

from functools import partial

from msgspec import Struct

from counterfoil.oauth.acr import FIRST, KEY, with_second
from counterfoil.server.identity import passkey_proof
from counterfoil.server.identity.ceremony import Answer, Holder, Purpose
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.passkey_proof import Verified
from counterfoil.server.identity.second_factor import still_there, strengthened
from counterfoil.server.identity.session_start import NewSession, begin_session, of_half
from counterfoil.server.identity.webauthn import NotProved
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction


class PasskeyShown(Struct, frozen=True):
    """An answer to what was asked at ``browser``, a public name; ``current``: its session.

    ``half``: the sign-in that it finishes; without one it strengthens the session.
    """

    answer: Answer
    browser: str
    origin: Origin
    current: Session | None = None
    half: HalfSignIn | None = None

    @property
    def holder(self) -> Holder:
        """To whom the challenge must have been sealed."""
        return holder_of(self.browser, self.half, self.current)


def holder_of(browser: str, half: HalfSignIn | None, session: Session | None) -> Holder:
    """Say to whom a challenge is sealed: the browser, and what it is to finish or to strengthen."""
    if half is not None:
        return Holder(Purpose.CONFIRM, f"{browser} half {half.id}")
    # Its secret is new once it is stronger, so that no challenge of before opens after.
    name = session.digest.hex() if session is not None else ""
    return Holder(Purpose.CONFIRM, f"{browser} session {name}")


async def show_passkey(authority: Authority, shown: PasskeyShown, now: float) -> NewSession | None:
    """Finish half a sign-in, or strengthen a session; ``None``: it proved nothing, or that is over.

    Raises:
        StoreUnavailable: nothing was stored.
    """
    try:
        verified = await passkey_proof.verify(authority, shown.holder, shown.answer, now)
    except NotProved:
        return None
    work = _finish if shown.half is not None else _step_up
    return await authority.store.transact(partial(work, authority, shown, verified))


async def _finish(
    authority: Authority, shown: PasskeyShown, verified: Verified, tx: Transaction
) -> NewSession | None:
    half = shown.half
    user = await tx.users.find(half.user_id) if half is not None else None
    if half is None or user is None or not half.is_good(user, tx.now):
        return None
    if FIRST.isdisjoint(half.amr):
        return None
    proved = await passkey_proof.spend(authority, tx, verified, shown.origin)
    if proved is None or proved.user.id != user.id or not await half.use_up(tx):
        return None
    amr = with_second(half.amr, KEY)
    beginning = of_half(half, shown.origin, shown.current, amr=amr, proof=proved.proof)
    return await begin_session(authority, tx, user, beginning)


async def _step_up(
    authority: Authority, shown: PasskeyShown, verified: Verified, tx: Transaction
) -> NewSession | None:
    session = await still_there(authority, tx, shown.current)
    if session is None or FIRST.isdisjoint(session.amr):
        return None
    proved = await passkey_proof.spend(authority, tx, verified, shown.origin)
    if proved is None or proved.user.id != session.user_id:
        return None
    by = events.by_session(session, shown.origin)
    return await strengthened(tx, session, by, KEY)
