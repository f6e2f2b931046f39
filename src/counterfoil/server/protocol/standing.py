"""Whether what stands behind a token still stands: the person, the grant, the session (S33)."""

from typing import Protocol

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError, invalid_grant
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.lifetimes import earliest, limits_in_force, reproof_interval
from counterfoil.server.records.client import Client
from counterfoil.server.records.refresh_limits import RefreshLimits
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

    @property
    def auth_time(self) -> int:
        """When the person signed in for it."""

    @property
    def access(self) -> Access:
        """What was allowed then; some of it may have been taken back since."""


class Standing(Struct, frozen=True):
    """The person, and what of the access their grant still holds: never nothing.

    ``limits`` are those of refreshing, as they stood when it was asked. ``until`` is when all of it
    ends, at the latest: the grant's end date (S13), or the hour at which the person signs in anew
    (S30). ``None``: nothing of the kind was set.
    """

    user: User
    access: Access
    limits: RefreshLimits
    until: int | None = None


async def what_stands(
    authority: Authority, tx: Transaction, client: Client, authorized: Authorized
) -> Standing:
    """Give what is left, after asking anew whether everything it rests on still stands.

    ``client`` is the one that it was authorized for, as it is registered today.

    Raises:
        OAuthError: ``invalid_grant``, saying what has gone.
    """
    user = await tx.users.find(authorized.user_id)
    if user is None or not user.is_enabled:
        raise _gone("The person has gone, or may no longer sign in.")
    grant = await tx.grants.find(authorized.grant_id)
    if grant is None or grant.ended_at is not None:
        raise _gone("The person has taken the permission back.")
    if not grant.is_live(tx.now):
        raise _gone("The person gave the permission until a day that has passed.", Reason.EXPIRED)
    access = authorized.access.narrowed_to(grant.access)
    if access.is_empty:
        raise _gone("The person has taken back all that was allowed here.")
    access = access.narrowed_to(client.access)
    if access.is_empty:
        raise _gone("The client may no longer ask for anything that was allowed here.")
    if authorized.session_id is not None:
        await _demand_session(authority, tx, authorized.session_id)
    elif "offline_access" not in access.openid:
        raise _gone("The app may no longer go on while the person is away.")
    limits = await limits_in_force(tx, authority.settings)
    interval = reproof_interval(client, limits)
    proof_ends_at = _demand_proof(interval, authorized.auth_time, tx.now)
    return Standing(user, access, limits, earliest(grant.ends_at, proof_ends_at))


def _demand_proof(interval: int | None, auth_time: int, now: int) -> int | None:
    """Give when the person has to sign in anew, after asking that they need not yet (S30)."""
    if interval is None:
        return None
    if now >= auth_time + interval:
        sentence = "The person has to sign in again: the last time is too long ago."
        raise _gone(sentence, Reason.EXPIRED)
    return auth_time + interval


async def _demand_session(authority: Authority, tx: Transaction, session_id: str) -> None:
    session = await tx.sessions.find(session_id)
    idle = authority.settings.session_idle_lifetime
    if session is None or not session.is_live(tx.now, idle):
        raise _gone("The session in which this was allowed has ended.")


def _gone(sentence: str, reason: Reason = Reason.REVOKED) -> OAuthError:
    return invalid_grant(sentence, reason=reason)
