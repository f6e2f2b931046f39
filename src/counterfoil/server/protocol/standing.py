"""Whether what stands behind a token still stands: the person, the grant, the session (S33)."""

from typing import Protocol

from counterfoil.oauth.errors import invalid_grant
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class Authorized(Protocol):
    """Anything that rests on a person's grant: a code, a family."""

    @property
    def user_id(self) -> str:
        """The person."""

    @property
    def grant_id(self) -> str:
        """What they allowed."""

    @property
    def session_id(self) -> str | None:
        """In which session; ``None`` where it outlives sessions."""


async def person_behind(authority: Authority, tx: Transaction, authorized: Authorized) -> User:
    """Give the person, after asking anew whether everything it rests on still stands.

    Raises:
        OAuthError: ``invalid_grant``, saying what has gone.
    """
    user = await tx.users.find(authorized.user_id)
    if user is None or not user.is_enabled:
        raise invalid_grant("The person has gone, or may no longer sign in.")
    grant = await tx.grants.find(authorized.grant_id)
    if grant is None or grant.ended_at is not None:
        raise invalid_grant("The person has taken the permission back.")
    if authorized.session_id is not None:
        session = await tx.sessions.find(authorized.session_id)
        idle = authority.settings.session_idle_lifetime
        if session is None or not session.is_live(tx.now, idle):
            raise invalid_grant("The session in which this was allowed has ended.")
    return user
