"""Providers at which people sign in: seen here; added and changed by command and API (S112)."""

from counterfoil.server.documents import providers
from counterfoil.server.documents.providers import ProviderDocument
from counterfoil.server.pages.admin.views import AdminListPage, AdminThingPage, Group, Row
from counterfoil.server.pages.admin.visit import ROOMS, SAYS, Visit
from counterfoil.server.pages.wording import moment_of
from counterfoil.server.records.store import Transaction

_ROOM = "providers"


async def listed(visit: Visit) -> AdminListPage:
    """``GET /admin/providers``: all of them, for they are few."""
    issuer = visit.server.authority.issuer
    found = await visit.read(lambda tx: providers.documents(tx, issuer))
    return AdminListPage(
        prefix=visit.server.prefix,
        frame=visit.frame(_ROOM),
        title=dict(ROOMS)[_ROOM],
        lead=SAYS[_ROOM],
        rows=tuple(_row(visit, each) for each in found.providers),
    )


def _row(visit: Visit, provider: ProviderDocument) -> Row:
    return Row(
        name=provider.name,
        href=visit.url(_ROOM, provider.id),
        facts=(("Issuer", provider.issuer), ("People", str(provider.people))),
        tags=_tags(provider),
    )


def _tags(provider: ProviderDocument) -> tuple[str, ...]:
    return ("disabled",) if provider.disabled_at is not None else ()


async def one(visit: Visit) -> AdminThingPage | None:
    """``GET /admin/providers/{provider_id}``."""
    issuer = visit.server.authority.issuer

    async def work(tx: Transaction) -> ProviderDocument | None:
        found = await tx.providers.find(visit.names["provider_id"])
        return None if found is None else await providers.document_of(tx, issuer, found)

    found = await visit.read(work)
    if found is None:
        return None
    return AdminThingPage(
        prefix=visit.server.prefix,
        frame=visit.frame(_ROOM),
        kind="Provider",
        title=found.name,
        tags=_tags(found),
        facts=_facts(found),
    )


def _facts(found: ProviderDocument) -> tuple[tuple[str, str], ...]:
    believed = (f"{name} {str(value).lower()}" for name, value in found.policy.items() if value)
    return (
        ("Identifier", found.id),
        ("Speaks", found.kind),
        ("Issuer", found.issuer),
        ("client_id", found.client_id),
        ("Comes back to", found.redirect_uri),
        ("Policy", ", ".join(believed)),
        ("People", str(found.people)),
        ("Added", moment_of(found.created_at)),
        ("Disabled", moment_of(found.disabled_at)),
    )


async def group_of(visit: Visit, user_id: str) -> Group:
    """Give the accounts elsewhere by which somebody comes in."""
    found = await visit.read(lambda tx: tx.identities.of_user(user_id))
    rows = tuple(
        Row(
            name=each.label,
            href=visit.url(_ROOM, each.provider_id),
            facts=(
                ("At", each.issuer),
                ("Linked", moment_of(each.linked_at)),
                ("Last used", moment_of(each.last_used_at)),
            ),
        )
        for each in found
    )
    return Group(title="Accounts elsewhere", rows=rows)
