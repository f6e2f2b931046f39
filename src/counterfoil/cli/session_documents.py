"""Sessions as JSON. A stable interface."""

from msgspec import Struct

from counterfoil.cli.people import find_person
from counterfoil.server.records.store import Transaction


class SessionDocument(Struct, frozen=True, kw_only=True):
    """A signed-in browser. ``user_agent`` is what it says of itself. Times in seconds."""

    id: str
    user_id: str
    email: str
    auth_time: int
    last_used_at: int
    expires_at: int
    address: str
    user_agent: str


class SessionList(Struct, frozen=True, kw_only=True):
    """Live sessions, newest first."""

    sessions: tuple[SessionDocument, ...]


async def documents(tx: Transaction, user: str | None, idle_limit: int) -> list[SessionDocument]:
    """Read the live sessions, of one person where they are named; ``idle_limit`` in seconds.

    Raises:
        Failure: there is no such person.
    """
    if user is not None:
        sessions = await tx.sessions.of_user((await find_person(tx, user)).id)
    else:
        sessions = await tx.sessions.every()
    emails = {each.id: each.email for each in await tx.users.every()}
    return [
        SessionDocument(
            id=session.id,
            user_id=session.user_id,
            email=emails.get(session.user_id, ""),
            auth_time=session.auth_time,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            address=session.origin.address,
            user_agent=session.origin.user_agent,
        )
        for session in sessions
        if session.is_live(tx.now, idle_limit)
    ]
