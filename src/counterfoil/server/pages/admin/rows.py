"""One line of each noun, wherever it is listed: with its name, its facts and where it leads."""

from counterfoil.server.documents.apis import ApiDocument
from counterfoil.server.documents.clients import ClientDocument
from counterfoil.server.documents.families import FamilyDocument
from counterfoil.server.documents.grants import GrantDocument
from counterfoil.server.documents.keys import KeyDocument
from counterfoil.server.documents.sessions import SessionDocument
from counterfoil.server.documents.users import UserDocument
from counterfoil.server.pages.admin.views import Row
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.wording import ago, day_of, device_of, moment_of
from counterfoil.server.records.event import Event


def of_client(visit: Visit, client: ClientDocument) -> Row:
    """A client."""
    return Row(
        name=client.client_name,
        href=visit.url("clients", client.client_id),
        facts=(
            ("client_id", client.client_id),
            ("May", client.scope),
            ("Registered", day_of(client.client_id_issued_at)),
        ),
        tags=tags_of_client(client),
    )


def tags_of_client(client: ClientDocument) -> tuple[str, ...]:
    """Its kind, and whether it is disabled."""
    kind = "public" if client.is_public else "confidential"
    return (kind, "disabled") if client.disabled_at is not None else (kind,)


def of_api(visit: Visit, api: ApiDocument) -> Row:
    """An API."""
    return Row(
        name=api.name,
        href=visit.url("apis", "named", uri=api.uri),
        facts=(("Identifier", api.uri), ("Scopes", " ".join(sorted(api.scopes)))),
    )


def of_user(visit: Visit, user: UserDocument) -> Row:
    """A person."""
    return Row(
        name=user.email,
        href=visit.url("users", user.id),
        facts=(("Name", user.name or ""), ("Added", day_of(user.created_at))),
        tags=tags_of_user(user),
    )


def tags_of_user(user: UserDocument) -> tuple[str, ...]:
    """Whether they administer, and whether they are disabled."""
    admin = ("administrator",) if user.is_admin else ()
    return (*admin, "disabled") if user.disabled_at is not None else admin


def of_grant(visit: Visit, grant: GrantDocument) -> Row:
    """A grant."""
    return Row(
        name=f"{grant.email} – {grant.client_name}",
        href=visit.url("grants", grant.id),
        facts=(
            ("Allows", grant.scope),
            ("Sessions", str(grant.families)),
            ("Since", day_of(grant.created_at)),
        ),
        tags=("ended",) if grant.ended_at is not None else (),
    )


def of_session(visit: Visit, session: SessionDocument) -> Row:
    """A signed-in browser."""
    return Row(
        name=f"{session.email} – {device_of(session.user_agent)}",
        href=visit.url("sessions", session.id),
        facts=(
            ("From", session.address),
            ("Signed in", moment_of(session.auth_time)),
            ("Last used", ago(session.last_used_at, visit.now)),
        ),
        tags=("ended",) if session.ended_at is not None else (),
    )


def of_family(visit: Visit, family: FamilyDocument) -> Row:
    """What hangs under one authorization: it leads to its ending."""
    is_over = family.ended_at is not None
    return Row(
        name=device_of(family.user_agent),
        href=None if is_over else visit.url("end", kind="family", name=family.id),
        facts=(
            ("Handle", family.id),
            ("Client", family.client_id),
            ("From", family.address),
            ("Last used", ago(family.last_used_at, visit.now)),
        ),
        tags=(("offline",) if family.session_id is None else ()) + (("ended",) if is_over else ()),
    )


def of_key(visit: Visit, key: KeyDocument) -> Row:
    """A signing key."""
    return Row(
        name=key.kid,
        href=visit.url("keys", key.kid),
        facts=(
            ("Signs", key.purpose),
            ("With", key.algorithm),
            ("From", moment_of(key.active_from)),
            ("Until", moment_of(key.retired_at)),
        ),
        tags=(key.state,),
    )


def of_event(event: Event) -> Row:
    """Something that happened."""
    detail = ", ".join(f"{name} {value}" for name, value in event.detail.items())
    return Row(
        name=event.kind.value.replace("_", " "),
        facts=(
            ("At", moment_of(event.at)),
            ("By", event.actor),
            ("To", event.subject),
            ("From", event.address),
            ("Browser", device_of(event.user_agent) if event.user_agent else ""),
            ("Detail", detail),
            ("Number", str(event.number)),
        ),
    )
