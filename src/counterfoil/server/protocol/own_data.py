"""What is kept of a person, as they may take it with them: everything but secrets (GDPR Art. 15).

Each part is a row of the table: whoever keeps something new of people adds one.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import to_builtins

from counterfoil.oauth.access import Access
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import SUBJECTS, Event, EventQuery
from counterfoil.server.records.family import Family
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

Entry = dict[str, Any]
EVENTS_AT_ONCE: Final = 200


async def _profile(_: Transaction, user: User) -> list[Entry]:
    return [
        {
            "id": user.id,
            "email": user.email,
            "email_verified_at": user.email_verified_at,
            "name": user.name,
            "language": user.language or None,
            "is_admin": user.is_admin,
            "created_at": user.created_at,
            "has_password": user.has_password,
            "failed_sign_ins": user.failed_sign_ins,
            "locked_until": user.locked_until,
        }
    ]


async def _addresses_before(tx: Transaction, user: User) -> list[Entry]:
    return [
        {"email": each.email, "changed_at": each.changed_at, "kept_until": each.expires_at}
        for each in await tx.email_changes.of_user(user.id)
    ]


async def _sessions(tx: Transaction, user: User) -> list[Entry]:
    return [
        {
            "id": each.id,
            "signed_in_at": each.auth_time,
            "methods": list(each.amr),
            "last_used_at": each.last_used_at,
            "expires_at": each.expires_at,
            **_place(each.origin),
        }
        for each in await tx.sessions.of_user(user.id)
    ]


async def _grants(tx: Transaction, user: User) -> list[Entry]:
    return [
        {
            "id": each.id,
            "client_id": each.client_id,
            "permissions": _permissions(each.access),
            "created_at": each.created_at,
            "updated_at": each.updated_at,
            "ends_at": each.ends_at,
        }
        for each in await tx.grants.of_user(user.id)
    ]


async def _families(tx: Transaction, user: User) -> list[Entry]:
    return [_family(each) for each in await tx.families.live_of_user(user.id)]


def _family(family: Family) -> Entry:
    return {
        "id": family.id,
        "grant_id": family.grant_id,
        "client_id": family.client_id,
        "session_id": family.session_id,
        "permissions": _permissions(family.access),
        "signed_in_at": family.auth_time,
        "methods": list(family.amr),
        "created_at": family.created_at,
        "last_used_at": family.last_used_at,
        "expires_at": max(family.access_expires_at, family.refresh_expires_at),
        **_place(family.origin),
    }


async def _personal_tokens(tx: Transaction, user: User) -> list[Entry]:
    return [
        {
            "id": each.id,
            "name": each.name,
            "audience": each.audience,
            "scopes": list(each.scopes),
            "networks": list(each.networks),
            "created_at": each.created_at,
            "expires_at": each.expires_at,
            "last_used_at": each.last_used_at,
            "last_used_from": each.last_used_from,
            "ended_at": each.ended_at,
            "ended_why": each.ended_why,
            "found_at": each.found_at,
        }
        for each in await tx.personal_tokens.of_user(user.id)
    ]


async def _passkeys(tx: Transaction, user: User) -> list[Entry]:
    return [
        {
            "id": each.id,
            "name": each.name,
            "created_at": each.created_at,
            "last_used_at": each.last_used_at,
            "backed_up": each.backed_up,
            "transports": list(each.transports),
            "suspect_at": each.suspect_at,
        }
        for each in await tx.passkeys.of_user(user.id)
    ]


async def _identities(tx: Transaction, user: User) -> list[Entry]:
    return [
        {
            "id": each.id,
            "provider": each.provider_id,
            "issuer": each.issuer,
            "subject": each.subject,
            "label": each.label,
            "linked_at": each.linked_at,
            "last_used_at": each.last_used_at,
            "tokens_are_kept": each.sealed_tokens is not None,
        }
        for each in await tx.identities.of_user(user.id)
    ]


async def _remembered_browsers(tx: Transaction, user: User) -> list[Entry]:
    return [
        {
            "id": each.id,
            "signed_in_at": each.auth_time,
            "methods": list(each.amr),
            "last_used_at": each.used_at,
            "expires_at": each.expires_at,
            **_place(each.origin),
        }
        for each in await tx.remembered_browsers.of_user(user.id)
    ]


async def _second_factors(tx: Transaction, user: User) -> list[Entry]:
    factors = await tx.second_factors.of_user(user.id)
    found = await tx.second_factors.authenticator(user.id)
    added_at = found.added_at if found else None
    entry = {
        "authenticator_added_at": added_at,
        "recovery_codes_left": factors.recovery_codes,
        "codes_by_mail_since": factors.mailed_since,
    }
    return [entry] if any(entry.values()) else []


async def _habits(tx: Transaction, user: User) -> list[Entry]:
    habits = await tx.habits.of_user(user.id)
    return [to_builtins(habits)] if habits.since else []


Part = Callable[[Transaction, User], Awaitable[list[Entry]]]
PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        "profile": _profile,
        "emails_before": _addresses_before,
        "sessions": _sessions,
        "remembered_browsers": _remembered_browsers,
        "grants": _grants,
        "authorizations": _families,
        "personal_tokens": _personal_tokens,
        "passkeys": _passkeys,
        "second_factors": _second_factors,
        "linked_identities": _identities,
        "habits": _habits,
    }
)
"""The members of the document, but for its events: they may be many, and come part by part."""


async def parts_of(tx: Transaction, user: User) -> dict[str, Any]:
    """Give all but the events, on one view of the store."""
    return {"made_at": tx.now} | {name: await part(tx, user) for name, part in PARTS.items()}


async def events_of(tx: Transaction, user_id: str, before: int | None) -> list[Event]:
    """Give some of the person's events, newest first, older than the one with that number."""
    query = EventQuery(person=user_id, before=before, limit=EVENTS_AT_ONCE)
    return await tx.events.find(query)


def told(event: Event, user_id: str) -> Entry:
    """Give an event as far as it is the person's own: of others only that somebody acted."""
    is_own = event.actor == f"user:{user_id}"
    concerned = event.subject if SUBJECTS[event.kind] == "user" else event.detail.get("user_id", "")
    entry: Entry = {"number": event.number, "kind": event.kind.value, "at": event.at}
    entry["by"] = _doer(event.actor, user_id)
    if is_own:
        entry |= _place(Origin(event.address, event.user_agent))
    if concerned in {user_id, ""}:
        entry |= {"subject": event.subject, "detail": dict(event.detail)}
    return entry


def _doer(actor: str, user_id: str) -> str:
    if actor == f"user:{user_id}":
        return "you"
    return "administrator" if actor.startswith("user:") or actor == CLI.name else actor


def _place(origin: Origin) -> Entry:
    return {"address": origin.address, "user_agent": origin.user_agent}


def _permissions(access: Access) -> Any:
    return to_builtins(access, enc_hook=sorted)
