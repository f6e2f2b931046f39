"""What comes next in an authorization: the only place that decides the order. Pure."""

from typing import TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.client import Client
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Session


class SignIn(Struct, frozen=True):
    """The person must show who they are."""


class Consent(Struct, frozen=True):
    """The person must say whether, and what, the app may do."""


class Approve(Struct, frozen=True):
    """All has been said before: answer the app."""


class Refuse(Struct, frozen=True):
    """A person would be needed, and the app forbade to ask one."""

    error: OAuthError


Step: TypeAlias = SignIn | Consent | Approve | Refuse


def next_step(
    pending: Pending, client: Client, session: Session | None, grant: Grant | None, now: int
) -> Step:
    """Decide the next step (OpenID Connect Core §3.1.2.1, §3.1.2.3, RFC 8252 §8.6).

    ``session`` is a live one or ``None``; ``grant`` is the live one of its user and this client.
    """
    silent = "none" in pending.prompt
    if session is not None and _of_another(pending, session) and _made_for(pending, session):
        error = OAuthError("login_required", "Another person signed in than the app means.")
        return Refuse(error)
    if session is None or _of_another(pending, session) or _too_old(pending, session, now):
        error = OAuthError("login_required", "The person is not signed in, or too long ago.")
        return Refuse(error) if silent else SignIn()
    if _needs_consent(pending, client, grant):
        error = OAuthError("consent_required", "The person has to be asked first.")
        return Refuse(error) if silent else Consent()
    return Approve()


def no_older_than(pending: Pending, age: int) -> Pending:
    """Ask for a sign-in that is no older than ``age`` seconds, beside what the app asks."""
    return replace(pending, max_age=age if pending.max_age is None else min(pending.max_age, age))


def _of_another(pending: Pending, session: Session) -> bool:
    return pending.subject_hint not in (None, session.user_id)


def _too_old(pending: Pending, session: Session, now: int) -> bool:
    """Whether a sign-in from before the request has to be made anew; one made for it is enough."""
    if _made_for(pending, session):
        return False
    if {"login", "select_account"} & pending.prompt:
        return True
    return pending.max_age is not None and now - session.auth_time > pending.max_age


def _made_for(pending: Pending, session: Session) -> bool:
    return session.auth_time >= pending.requested_at and session.digest.hex() != pending.session


def _needs_consent(pending: Pending, client: Client, grant: Grant | None) -> bool:
    return (
        grant is None
        or "consent" in pending.prompt
        or not grant.access.covers(pending.access)
        or (client.public and returns_locally(pending.redirect_uri))
    )


def returns_locally(redirect_uri: str) -> bool:
    """Whether another program on the person's device could stand at the redirect URI."""
    parts = urlsplit(redirect_uri)
    return parts.scheme not in {"http", "https"} or parts.hostname in {
        "127.0.0.1",
        "::1",
        "localhost",
    }
