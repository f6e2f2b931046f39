"""A person said yes or no: the grant, the code, and the answer to the app (OAuth 2.1 §4.1.2)."""

from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.authorization import Authorization
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction


class Decision(Struct, frozen=True):
    """Who allows what, from where. ``asked`` says whether the person was asked just now."""

    session: Session
    access: Access
    origin: Origin
    asked: bool


async def stands(tx: Transaction, pending: Pending, decision: Decision) -> bool:
    """Whether what is decided rests on a permission that the person gave before."""
    grant = await tx.grants.between(decision.session.user_id, pending.client_id)
    return grant is not None and grant.access.covers(decision.access)


async def approve(
    authority: Authority, tx: Transaction, pending: Pending, decision: Decision
) -> Secret:
    """Make or widen the grant and give a code; only its SHA-256 is stored.

    Raises:
        OAuthError: ``consent_required`` where nobody was asked and the permission has just gone.
    """
    session = decision.session
    if not decision.asked:
        await _demand_permission(tx, pending, session.user_id)
    grant = await tx.grants.widen(
        Grant(
            id=new_handle(tx),
            user_id=session.user_id,
            client_id=pending.client_id,
            access=decision.access,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    if decision.asked:
        by = events.by_user(session.user_id, decision.origin)
        detail = {"client_id": pending.client_id, "scope": decision.access.scope}
        await events.record(tx, EventKind.CONSENT_GIVEN, by, grant.id, detail)
    code = spell(Kind.AUTHORIZATION_CODE, tx.random(SECRET_BYTES))
    await tx.authorizations.add(_authorization(authority, tx.now, pending, (decision, grant, code)))
    return code


async def _demand_permission(tx: Transaction, pending: Pending, user_id: str) -> None:
    grant = await tx.grants.between(user_id, pending.client_id)
    if grant is None or not grant.access.covers(pending.access):
        raise OAuthError("consent_required", "The permission was taken back at this moment.")


def _authorization(
    authority: Authority, now: int, pending: Pending, made: tuple[Decision, Grant, Secret]
) -> Authorization:
    decision, grant, code = made
    return Authorization(
        digest=code.fingerprint(),
        client_id=pending.client_id,
        user_id=decision.session.user_id,
        grant_id=grant.id,
        session_id=decision.session.id,
        redirect_uri=pending.redirect_uri,
        redirect_uri_given=pending.redirect_uri_given,
        code_challenge=pending.code_challenge,
        access=decision.access,
        auth_time=decision.session.auth_time,
        expires_at=now + authority.settings.code_lifetime,
        origin=decision.origin,
        nonce=pending.nonce,
    )


def answer(issuer: str, pending: Pending, code: Secret) -> str:
    """Give the URL that takes the code back to the app, with ``iss`` (RFC 9207 §2)."""
    return _answer(issuer, pending.redirect_uri, pending.state, {"code": code.reveal()})


def refusal(issuer: str, redirect_uri: str, state: str | None, error: OAuthError) -> str:
    """Give the URL that takes an error back to the app (OAuth 2.1 §4.1.2.1)."""
    outcome = {"error": error.error, "error_description": error.description}
    return _answer(issuer, redirect_uri, state, outcome)


def _answer(issuer: str, redirect_uri: str, state: str | None, outcome: dict[str, str]) -> str:
    said = outcome | ({"state": state} if state is not None else {}) | {"iss": issuer}
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri}{joint}{urlencode(said)}"
