"""What comes next in an authorization: the only place that decides the order. Pure."""

from typing import TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from counterfoil.oauth.acr import CLASSES, SINGLE, is_enough, strongest_of
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.families import proved_life_of
from counterfoil.server.protocol.lifetimes import reproof_interval
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.client import Client
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.refresh_limits import RefreshLimits
from counterfoil.server.records.session import Session


class SignIn(Struct, frozen=True):
    """The person must show who they are."""


class SecondFactor(Struct, frozen=True):
    """The person is signed in, and must show more than they have."""


class Consent(Struct, frozen=True):
    """The person must say whether, and what, the app may do."""


class Approve(Struct, frozen=True):
    """All has been said before: answer the app, under this permission."""

    grant: Grant


class Refuse(Struct, frozen=True):
    """A person would be needed, and the app forbade to ask one."""

    error: OAuthError


Step: TypeAlias = SignIn | SecondFactor | Consent | Approve | Refuse


class Asker(Struct, frozen=True):
    """The client that asks, and how old a sign-in may be for it, in seconds; ``None``: any age.

    ``least_acr`` is the weakest class of a sign-in that policy lets in there, ``reach`` the
    strongest that whoever is there can make of theirs, ``anew`` what another one can come to.
    Without ``takes_recalled`` a session that a browser got by being remembered alone is none.
    """

    client: Client
    sign_in_lifetime: int | None = None
    least_acr: str | None = None
    reach: str = SINGLE
    anew: str = SINGLE
    takes_recalled: bool = True


def asker_of(
    client: Client, pending: Pending, limits: RefreshLimits, least_acr: str | None = None
) -> Asker:
    """Say how old a sign-in may be for what this client asks. ``limits`` are those in force.

    So old as what would be issued may grow, and as proof may (S30): one that is past that would
    begin a family that is born dead (S32).
    """
    if "refresh_token" in client.grant_types:
        offline = "offline_access" in pending.access.openid
        lifetime: int | None = proved_life_of(client, limits, offline=offline).absolute
    else:
        lifetime = reproof_interval(client, limits)
    return Asker(client, lifetime, least_acr, takes_recalled=client.policy.remembered_sign_in)


def next_step(
    pending: Pending, asker: Asker, session: Session | None, grant: Grant | None, now: int
) -> Step:
    """Decide the next step (OpenID Connect Core §3.1.2.1, §3.1.2.3, RFC 8252 §8.6).

    ``session`` is a live one or ``None``; ``grant`` is that of its user and this client, if any.
    """
    silent = "none" in pending.prompt
    if session is not None and _of_another(pending, session) and _made_for(pending, session):
        error = OAuthError("login_required", "Another person signed in than the app means.")
        return Refuse(error)
    if (
        session is None
        or _of_another(pending, session)
        or _too_old(pending, session, now)
        or _must_prove(asker, session, now)
    ):
        error = OAuthError("login_required", "The person is not signed in, or too long ago.")
        return Refuse(error) if silent else SignIn()
    if is_too_weak(pending, asker, session):
        return _strengthened(pending, asker, session)
    if grant is None or not grant.is_live(now) or _needs_consent(pending, asker.client, grant):
        error = OAuthError("consent_required", "The person has to be asked first.")
        return Refuse(error) if silent else Consent()
    return Approve(grant)


def _of_another(pending: Pending, session: Session) -> bool:
    return pending.subject_hint not in (None, session.user_id)


def _too_old(pending: Pending, session: Session, now: int) -> bool:
    """Whether a sign-in from before the request has to be made anew; one made for it is enough."""
    if _made_for(pending, session):
        return False
    if {"login", "select_account"} & pending.prompt:
        return True
    return pending.max_age is not None and now - session.auth_time > pending.max_age


def is_too_weak(pending: Pending, asker: Asker, session: Session) -> bool:
    """Whether a sign-in is weaker than this request demands; ``reach`` and ``anew`` matter then."""
    least = _least(pending, asker)
    return least is not None and not is_enough(session.amr, least)


def _least(pending: Pending, asker: Asker) -> str | None:
    return strongest_of((pending.least_acr, asker.least_acr))


def _strengthened(pending: Pending, asker: Asker, session: Session) -> Step:
    """Say what comes where a sign-in is too weak: only what is missing is asked for."""
    if "none" in pending.prompt:
        return Refuse(OAuthError("login_required", "The person did not sign in as strongly."))
    least = CLASSES.index(_least(pending, asker) or SINGLE)
    if CLASSES.index(asker.reach) >= least:
        return SecondFactor()
    if _made_for(pending, session) and CLASSES.index(asker.anew) < least:
        sentence = "The person has no way of signing in that is as strong as is demanded."
        return Refuse(OAuthError("unmet_authentication_requirements", sentence))
    return SignIn()


def _must_prove(asker: Asker, session: Session, now: int) -> bool:
    """Whether what is issued would end before it began, even for a sign-in just made (S30, S32).

    Or nobody showed anything, and the client asks that somebody does (S24).
    """
    if session.recalled and not asker.takes_recalled:
        return True
    lifetime = asker.sign_in_lifetime
    return lifetime is not None and now >= session.auth_time + lifetime


def _made_for(pending: Pending, session: Session) -> bool:
    return session.auth_time >= pending.requested_at and session.digest.hex() != pending.session


def _needs_consent(pending: Pending, client: Client, grant: Grant) -> bool:
    return (
        "consent" in pending.prompt
        or not grant.allows_unasked(pending.access)
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
