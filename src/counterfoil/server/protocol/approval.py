"""A person said yes or no: the grant, the code, and the answer to the app (OAuth 2.1 §4.1.2)."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.oauth.parameters import appended
from counterfoil.server.protocol import end_dates, events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.lifetimes import earliest
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.authorization import Authorization
from counterfoil.server.records.event import JANITOR, EventKind
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import DAY


class Span(StrEnum):
    """For how long a person allows an app what it asks (S13)."""

    UNTIL_TAKEN_BACK = "until_taken_back"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    AS_BEFORE = "as_before"

    @property
    def seconds(self) -> int | None:
        """How long that is; ``None`` where it is no number of days."""
        days = _DAYS.get(self)
        return None if days is None else days * DAY


_DAYS: Final = MappingProxyType({Span.DAY: 1, Span.WEEK: 7, Span.MONTH: 30, Span.YEAR: 365})


class Decision(Struct, frozen=True):
    """Who allows what, from where.

    ``span`` is for how long, counted from the app's request; ``None``: they did not say, and what
    they said before stays.
    """

    session: Session
    access: Access
    origin: Origin
    span: Span | None = None


class Code(Struct, frozen=True):
    """A code by its SHA-256, and until when it may be exchanged, in seconds since the epoch."""

    digest: bytes
    expires_at: int


async def approve(
    authority: Authority, tx: Transaction, pending: Pending, decision: Decision
) -> Secret | None:
    """Make or change the grant of a person who was asked, and give a code.

    ``None`` where what the decision rests on has gone a moment ago: the session, or the permission
    whose end date was to stay. Nothing is stored then.
    """
    grant = await permit(authority, tx, pending, decision)
    return None if grant is None else await give_code(authority, tx, pending, decision, grant)


async def give_code(
    authority: Authority, tx: Transaction, pending: Pending, decision: Decision, grant: Grant
) -> Secret:
    """Give a code under a grant that allows it; only its SHA-256 is stored.

    Session and grant were found live in this transaction.
    """
    code = spell(Kind.AUTHORIZATION_CODE, tx.random(SECRET_BYTES))
    expires_at = tx.now + authority.settings.code_lifetime
    kept = Code(code.fingerprint(), expires_at)
    await tx.authorizations.add(authorization_of(pending, decision, grant, kept))
    return code


async def permit(
    authority: Authority, tx: Transaction, pending: Pending, decision: Decision
) -> Grant | None:
    """Make or change the grant; ``None`` where what the decision rests on has gone."""
    session = await tx.sessions.find(decision.session.id)
    idle = authority.settings.session_idle_lifetime
    if session is None or not session.is_live(tx.now, idle):
        return None
    grant = await _grant(tx, pending, decision)
    if grant is not None:
        by = events.by_session(decision.session, decision.origin)
        detail = {"client_id": pending.client_id, "scope": decision.access.scope}
        if grant.ends_at is not None:
            detail["until"] = str(grant.ends_at)
        await events.record(tx, EventKind.CONSENT_GIVEN, by, grant.id, detail)
        await _end_beyond(tx, grant, by)
    return grant


async def _grant(tx: Transaction, pending: Pending, decision: Decision) -> Grant | None:
    """Give the grant that the decision makes, or changes.

    The person answered for all that was asked now, and for nothing else: what they chose stands,
    what they did not choose goes, and what was granted beside it stays.
    """
    user_id = decision.session.user_id
    before = await tx.grants.between(user_id, pending.client_id)
    if before is not None and not before.is_live(tx.now):
        await revocation.end_grant(tx, before.id, JANITOR)
        before = None
    if decision.span is Span.AS_BEFORE and before is None:
        return None
    beside = before.access.without(pending.access) if before is not None else Access()
    return await tx.grants.allow(
        Grant(
            id=new_handle(tx),
            user_id=user_id,
            client_id=pending.client_id,
            access=beside.widened_by(decision.access),
            created_at=tx.now,
            updated_at=tx.now,
            ends_at=_end_date(pending, decision.span, before),
            limited=_limited(pending, decision, before),
        )
    )


def _limited(pending: Pending, decision: Decision, before: Grant | None) -> Access:
    """Say what is allowed within limits only, now that the person has answered."""
    beside = before.limited.without(pending.access) if before is not None else Access()
    if decision.access.limits is None:
        return beside
    return beside.widened_by(Access(decision.access.apis))


def _end_date(pending: Pending, span: Span | None, before: Grant | None) -> int | None:
    """Say until when the grant stands now.

    The span counts from the request, so that an answer that is sent again says the same; and an
    answer to a question older than the last one never lengthens what that one said.
    """
    if span is None or span is Span.AS_BEFORE:
        return before.ends_at if before is not None else None
    seconds = span.seconds
    chosen = None if seconds is None else pending.requested_at + seconds
    if before is not None and pending.requested_at < before.updated_at:
        return earliest(chosen, before.ends_at)
    return chosen


async def _end_beyond(tx: Transaction, grant: Grant, by: events.Actor) -> None:
    """End the families that may do what the person has just taken back, or for longer."""
    for family in await tx.families.live_of_grant(grant.id):
        if not grant.access.covers(family.access):
            await revocation.end_family(tx, family.id, "permission_taken_back", by)
    await end_dates.end_beyond(tx, grant.id, grant.ends_at, by)


def authorization_of(
    pending: Pending, decision: Decision, grant: Grant, code: Code
) -> Authorization:
    """Give what a code stands for once a person has decided."""
    return Authorization(
        digest=code.digest,
        client_id=pending.client_id,
        user_id=decision.session.user_id,
        grant_id=grant.id,
        session_id=decision.session.id,
        redirect_uri=pending.redirect_uri,
        code_challenge=pending.code_challenge,
        access=decision.access,
        auth_time=decision.session.auth_time,
        amr=decision.session.amr,
        expires_at=code.expires_at,
        origin=decision.origin,
        nonce=pending.nonce,
        dpop_jkt=pending.dpop_jkt,
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
    return appended(redirect_uri, said)
