"""The page of one thing: what is known of it, what belongs to it, and what can be ended of it."""

from functools import partial

from counterfoil.server.documents import clients, families, grants, keys, sessions, users
from counterfoil.server.pages.admin import (
    letting_in,
    mint_right_giving,
    mint_rights,
    personal_tokens,
    providers,
    remembered_browsers,
    rows,
)
from counterfoil.server.pages.admin.views import AdminThingPage, Group, Row, Verb
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.wording import device_of, moment_of
from counterfoil.server.protocol.endings import Ends
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.listing import Part
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

FEW = Part(10)


async def client(visit: Visit) -> AdminThingPage | None:
    """``GET /admin/clients/{client_id}``."""

    async def work(tx: Transaction) -> clients.ShownClientDocument | None:
        found = await tx.clients.find(visit.names["client_id"])
        if found is None:
            return None
        return clients.shown_document(found, await tx.clients.secrets_of(found.client_id))

    found = await visit.read(work)
    if found is None:
        return None
    return AdminThingPage(
        prefix=visit.server.prefix,
        frame=visit.frame("clients"),
        kind="Client",
        title=found.client_name,
        tags=rows.tags_of_client(found),
        facts=_facts_of_client(found),
        groups=(
            _group_of_secrets(found),
            *await mint_rights.groups_of(visit, found.client_id),
            await _grants(visit, client_id=found.client_id),
        ),
        deeds=mint_right_giving.deeds_for(visit, found.client_id),
        deeds_title="Give",
        verbs=(
            Verb(
                says="Ends every token that it has. It stays registered and may ask anew.",
                label="End all its tokens",
                href=_end(visit, Ends.CLIENT, found.client_id),
            ),
        ),
    )


def _facts_of_client(found: clients.ClientDocument) -> tuple[tuple[str, str], ...]:
    decided = [
        f"{name} {value}"
        for name, value in found.policy.items()
        if value != clients.UNDECIDED[name]
    ]
    rights = found.exchange_rights
    return (
        ("client_id", found.client_id),
        ("Registered", moment_of(found.client_id_issued_at)),
        ("Disabled", moment_of(found.disabled_at)),
        ("Grant types", " ".join(found.grant_types)),
        ("Proves itself by", found.token_endpoint_auth_method),
        ("Keys", ", ".join(key["kid"] for key in found.jwks.keys) if found.jwks else ""),
        ("May ask for", found.scope),
        ("Comes back to", " ".join(found.redirect_uris)),
        ("After a sign-out", " ".join(found.post_logout_redirect_uris)),
        ("Is told of logouts at", found.backchannel_logout_uri),
        ("Decided for it", ", ".join(decided)),
        ("Acts for others", "; ".join(f"{r.source} → {r.target}: {r.scope}" for r in rights)),
    )


def _group_of_secrets(found: clients.ShownClientDocument) -> Group:
    secrets = tuple(
        Row(
            name=each.id,
            facts=(
                ("Made", moment_of(each.created_at)),
                ("Last used", moment_of(each.last_used_at)),
                ("Expires", moment_of(each.expires_at)),
            ),
        )
        for each in found.secrets
    )
    return Group(title="Secrets", rows=secrets)


async def user(visit: Visit) -> AdminThingPage | None:
    """``GET /admin/users/{user_id}``."""
    found = await visit.read(lambda tx: tx.users.find(visit.names["user_id"]))
    if found is None:
        return None
    document = await visit.read(partial(users.described, user=found))
    query = EventQuery(kind=EventKind.INTRUSION_REPORTED, subject=found.id, limit=1)
    alarms = await visit.read(lambda tx: tx.events.find(query))
    elsewhere = await providers.group_of(visit, found.id)
    return AdminThingPage(
        prefix=visit.server.prefix,
        frame=visit.frame("users"),
        kind="Person",
        title=found.email,
        tags=(*rows.tags_of_user(document), *("said “this was not me”" for _ in alarms)),
        facts=(
            ("Said “this was not me”", moment_of(alarms[0].at) if alarms else ""),
            ("Name", found.name or ""),
            ("Email", email_in_words(found, has_come=bool(elsewhere.rows))),
            ("Identifier", found.id),
            ("Added", moment_of(found.created_at)),
            ("Disabled", moment_of(found.disabled_at)),
            ("Second factor", "On" if document.second_factor else "Off"),
            ("Codes by mail", "Chosen" if document.mailed_codes else "Not chosen"),
        ),
        groups=(
            await _sessions(visit, found.id),
            await remembered_browsers.group_of(visit, found.id),
            await _grants(visit, user_id=found.id),
            await personal_tokens.group_of(visit, found.id),
            elsewhere,
        ),
        deeds=letting_in.deeds_for(visit, found),
        verbs=(
            Verb(
                says="Ends every session and token. The account and its permissions stay.",
                label="End everything",
                href=_end(visit, Ends.USER, found.id),
            ),
        ),
    )


def email_in_words(found: User, *, has_come: bool = False) -> str:
    """Say whether it was shown that the address is theirs."""
    if found.email_verified_at is not None:
        return f"verified on {moment_of(found.email_verified_at)}"
    has_come = has_come or found.password_hash is not None
    return "not verified" if has_come else "invited, not yet verified"


async def grant(visit: Visit) -> AdminThingPage | None:
    """``GET /admin/grants/{grant_id}``."""

    async def work(tx: Transaction) -> grants.GrantDocument | None:
        found = await tx.grants.find(visit.names["grant_id"])
        return None if found is None else await grants.document_of(tx, found)

    found = await visit.read(work)
    if found is None:
        return None
    return AdminThingPage(
        prefix=visit.server.prefix,
        frame=visit.frame("grants"),
        kind="Grant",
        title=f"{found.email} – {found.client_name}",
        tags=("ended",) if found.ended_at is not None else (),
        facts=(
            ("Allows", found.scope),
            ("Since", moment_of(found.created_at)),
            ("Changed", moment_of(found.updated_at)),
            ("Ends", moment_of(found.ends_at)),
            ("Ended", moment_of(found.ended_at)),
            ("Identifier", found.id),
        ),
        groups=(
            _person_and_client(visit, found),
            await _families(visit, grant_id=found.id),
        ),
        verbs=_verbs_of_grant(visit, found.id),
    )


def _person_and_client(visit: Visit, found: grants.GrantDocument) -> Group:
    person = Row(name=found.email, href=visit.url("users", found.user_id))
    app = Row(name=found.client_name, href=visit.url("clients", found.client_id))
    return Group(title="Between", rows=(person, app))


def _verbs_of_grant(visit: Visit, grant_id: str) -> tuple[Verb, ...]:
    return (
        Verb(
            says="Signs the app out everywhere. It keeps its permission.",
            label="Sign it out everywhere",
            href=_end(visit, Ends.APP_SESSIONS, grant_id),
        ),
        Verb(
            says="Takes the permission back, with every token that rests on it.",
            label="End the grant",
            href=_end(visit, Ends.GRANT, grant_id),
        ),
    )


async def session(visit: Visit) -> AdminThingPage | None:
    """``GET /admin/sessions/{session_id}``."""

    async def work(tx: Transaction) -> sessions.SessionDocument | None:
        found = await tx.sessions.find(visit.names["session_id"])
        return None if found is None else await sessions.document_of(tx, found)

    found = await visit.read(work)
    if found is None:
        return None
    person = Row(name=found.email, href=visit.url("users", found.user_id))
    return AdminThingPage(
        prefix=visit.server.prefix,
        frame=visit.frame("sessions"),
        kind="Session",
        title=f"{found.email} – {device_of(found.user_agent)}",
        tags=("ended",) if found.ended_at is not None else (),
        facts=(
            ("Signed in", moment_of(found.auth_time)),
            ("Last used", moment_of(found.last_used_at)),
            ("Ends", moment_of(found.expires_at)),
            ("Style", found.style),
            ("From", found.address),
            ("Browser", found.user_agent),
            ("Identifier", found.id),
        ),
        groups=(
            Group(title="Of", rows=(person,)),
            await _families(visit, session_id=found.id),
        ),
        verbs=(
            Verb(
                says="Signs this browser out, with what apps do in it.",
                label="End the session",
                href=_end(visit, Ends.SESSION, found.id),
            ),
        ),
    )


async def key(visit: Visit) -> AdminThingPage | None:
    """``GET /admin/keys/{kid}``."""
    every = await visit.read(keys.documents)
    found = next((each for each in every if each.kid == visit.names["kid"]), None)
    if found is None:
        return None
    return AdminThingPage(
        prefix=visit.server.prefix,
        frame=visit.frame("keys"),
        kind="Key",
        title=found.kid,
        tags=(found.state,),
        facts=(
            ("Signs", found.purpose),
            ("With", found.algorithm),
            ("Published", moment_of(found.created_at)),
            ("Signs from", moment_of(found.active_from)),
            ("Until", moment_of(found.retired_at)),
            ("Withdrawn", moment_of(found.withdrawn_at)),
        ),
        verbs=(
            Verb(
                says="For when it has leaked: nothing that it has signed stands any more.",
                label="Withdraw the key",
                href=_end(visit, Ends.KEY, found.kid),
            ),
        ),
    )


async def _grants(
    visit: Visit, *, user_id: str | None = None, client_id: str | None = None
) -> Group:
    async def work(tx: Transaction) -> list[grants.GrantDocument]:
        ids = await tx.lists.grants(FEW, user_id=user_id, client_id=client_id)
        found = [await tx.grants.find(each) for each in ids]
        return [await grants.document_of(tx, each) for each in found if each is not None]

    shown = await visit.read(work)
    return Group(
        title="Grants",
        rows=tuple(rows.of_grant(visit, each) for each in shown),
        more=visit.url("grants", user_id=user_id, client_id=client_id) if shown else None,
    )


async def _sessions(visit: Visit, user_id: str) -> Group:
    async def work(tx: Transaction) -> list[sessions.SessionDocument]:
        ids = await tx.lists.sessions(FEW, user_id)
        found = [await tx.sessions.find(each) for each in ids]
        return [await sessions.document_of(tx, each) for each in found if each is not None]

    shown = await visit.read(work)
    return Group(
        title="Sessions",
        rows=tuple(rows.of_session(visit, each) for each in shown),
        more=visit.url("sessions", user_id=user_id) if shown else None,
    )


async def _families(
    visit: Visit, *, grant_id: str | None = None, session_id: str | None = None
) -> Group:
    async def work(tx: Transaction) -> list[families.FamilyDocument]:
        ids = await tx.lists.families(Part(100), grant_id=grant_id, session_id=session_id)
        found = [await tx.families.find(each) for each in ids]
        return [families.document_of(each) for each in found if each is not None]

    shown = await visit.read(work)
    return Group(title="What apps hold", rows=tuple(rows.of_family(visit, each) for each in shown))


def _end(visit: Visit, kind: Ends, name: str) -> str:
    return visit.url("end", kind=kind.value, name=name)
