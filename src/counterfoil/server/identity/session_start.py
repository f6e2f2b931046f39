"""Beginning a session, however somebody showed who they are: its secret is new each time (S104)."""

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.acr import PASSWORD
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.identity.half_sign_in import HalfSignIn, Via
from counterfoil.server.identity.known_browser import generation_of
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.noticing.noting import Arrival, note_sign_in
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.linked_identity import UpstreamSession
from counterfoil.server.records.session import Origin, Session, SessionStyle
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings


def offers_choice(settings: Settings) -> bool:
    """Say whether the person decides if they stay signed in when the browser is closed (S34)."""
    return settings.session_choice and settings.session_style != "session"


def style_of(settings: Settings, *, keep: bool) -> SessionStyle:
    """Say how long a new sign-in stays in the browser."""
    if offers_choice(settings) and not keep:
        return SessionStyle.SESSION
    return SessionStyle(settings.session_style)


class Recollection(Struct, frozen=True):
    """What a remembered browser gets: this session, but for its name, under this secret (S24)."""

    session: Session
    secret: Secret


class Beginning(Struct, frozen=True):
    """From where somebody signs in, and how they showed who they are.

    ``current`` is the session that the browser already has. ``keep``: they want to stay signed in
    when the browser is closed. ``amr`` are the methods (RFC 8176), ``proof`` their word in events.
    ``via`` is the identity by which they came from a provider, ``auth_time`` when they signed in
    there, in seconds; ``None``: now, and here.
    ``browser_known``: somebody has signed in to this account there before.
    ``recollection``: nobody showed anything, the browser is remembered.
    """

    origin: Origin
    current: Session | None = None
    keep: bool = False
    amr: tuple[str, ...] = (PASSWORD,)
    proof: str = events.PASSWORD
    auth_time: int | None = None
    via: Via | None = None
    browser_known: bool = False
    recollection: Recollection | None = None


def of_half(
    half: HalfSignIn, origin: Origin, current: Session | None, *, amr: tuple[str, ...], proof: str
) -> Beginning:
    """Go on from half a sign-in to which more has come: all its methods (RFC 8176), the proof."""
    return Beginning(
        origin,
        current,
        keep=half.keep,
        amr=amr,
        proof=proof,
        auth_time=half.auth_time,
        via=half.via,
        browser_known=half.browser_known,
    )


class NewSession(Struct, frozen=True):
    """The new session, with the secret for its cookie.

    ``generation`` names the password that the person had then; empty where nobody signed in anew.
    ``keep``: they want to stay signed in.
    """

    session: Session
    secret: Secret
    generation: str = ""
    keep: bool = False


async def begin_session(
    authority: Authority, tx: Transaction, user: User, beginning: Beginning
) -> NewSession:
    """Begin a session; whoever signs in anew keeps theirs, and what goes on in it, renewed."""
    begun = _new_session(authority, tx, user, beginning)
    current, session = beginning.current, begun.session
    renews = current is not None and current.user_id == user.id
    if current is not None and renews:
        session = replace(session, id=current.id)
    by = events.by_user(user.id, beginning.origin, beginning.proof)
    if not (renews and await tx.sessions.renew(session)):
        session = replace(session, id=new_handle(tx))
        await tx.sessions.add(session)
    if current is not None and not renews:
        await revocation.end_session(tx, current.id, by)
    if beginning.via is not None:
        via = beginning.via
        came = UpstreamSession(session.id, via.identity_id, via.sid, session.expires_at)
        await tx.identities.note_session(came)
    await events.record(tx, EventKind.SIGNED_IN, by, session.id)
    arrival = Arrival(user, beginning.origin, beginning.browser_known or renews)
    await note_sign_in(authority, tx, arrival, session, by)
    return replace(begun, session=session)


def _new_session(
    authority: Authority, tx: Transaction, user: User, beginning: Beginning
) -> NewSession:
    settings, recollection = authority.settings, beginning.recollection
    secret = spell(Kind.SESSION, tx.random(SECRET_BYTES))
    session = Session(
        id=new_handle(tx),
        digest=secret.fingerprint(),
        user_id=user.id,
        auth_time=tx.now if beginning.auth_time is None else beginning.auth_time,
        last_used_at=tx.now,
        expires_at=tx.now + settings.session_lifetime,
        origin=beginning.origin,
        style=style_of(settings, keep=beginning.keep),
        cookie_set_at=tx.now,
        amr=beginning.amr,
    )
    if recollection is None:
        return NewSession(session, secret, generation_of(user), beginning.keep)
    remembered, digest = recollection.session, recollection.secret.fingerprint()
    same = {name: getattr(session, name) for name in ("id", "origin", "style", "cookie_set_at")}
    return NewSession(replace(remembered, digest=digest, **same), recollection.secret)
