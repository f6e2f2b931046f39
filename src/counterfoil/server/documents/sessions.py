"""Sessions as JSON. A stable interface."""

from msgspec import Struct

from counterfoil.server.records.session import Session, SessionStyle
from counterfoil.server.records.store import Transaction


class SessionDocument(Struct, frozen=True, kw_only=True):
    """A signed-in browser. ``user_agent`` is what it says of itself. Times in seconds.

    ``style`` says how long its cookie stays (S34), ``amr`` how the person signed in (RFC 8176).
    """

    id: str
    user_id: str
    email: str
    auth_time: int
    last_used_at: int
    expires_at: int
    address: str
    user_agent: str
    ended_at: int | None
    style: SessionStyle
    amr: tuple[str, ...]


class SessionList(Struct, frozen=True, kw_only=True):
    """Live sessions, newest first."""

    sessions: tuple[SessionDocument, ...]


async def documents(tx: Transaction, user_id: str | None, idle_limit: int) -> list[SessionDocument]:
    """Read the live sessions, of one person where they are named; ``idle_limit`` in seconds."""
    sessions = await (tx.sessions.every() if user_id is None else tx.sessions.of_user(user_id))
    return [
        await document_of(tx, session)
        for session in sessions
        if session.is_live(tx.now, idle_limit)
    ]


async def document_of(tx: Transaction, session: Session) -> SessionDocument:
    """Give the document of a session, with the e-mail of its person."""
    user = await tx.users.find(session.user_id)
    return SessionDocument(
        id=session.id,
        user_id=session.user_id,
        email=user.email if user else "",
        auth_time=session.auth_time,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        address=session.origin.address,
        user_agent=session.origin.user_agent,
        ended_at=session.ended_at,
        style=session.style,
        amr=session.amr,
    )
