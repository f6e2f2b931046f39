"""Grants as JSON. A stable interface."""

from collections.abc import Mapping

from msgspec import Struct

from counterfoil.cli.people import find_person
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.store import Transaction


class GrantDocument(Struct, frozen=True, kw_only=True):
    """What a person allows an app. ``families`` counts the authorizations that are alive.

    ``apis`` holds the scopes of each API, ``openid`` those of the server itself. ``ends_at`` is its
    end date, if it has one. Times in seconds since the epoch.
    """

    id: str
    user_id: str
    email: str
    client_id: str
    client_name: str
    scope: str
    apis: Mapping[str, tuple[str, ...]]
    openid: tuple[str, ...]
    families: int
    created_at: int
    updated_at: int
    ends_at: int | None


class LimitedGrant(Struct, frozen=True, kw_only=True):
    """A grant that was given another end date, and how many families ended at once for it."""

    grant: GrantDocument
    families_ended: int


class GrantList(Struct, frozen=True, kw_only=True):
    """Live grants, by age."""

    grants: tuple[GrantDocument, ...]


async def documents(
    tx: Transaction, user: str | None, client_id: str | None
) -> list[GrantDocument]:
    """Read the live grants, of one person or client where these are named.

    Raises:
        Failure: there is no such person.
    """
    if user is not None:
        grants = await tx.grants.of_user((await find_person(tx, user)).id)
    else:
        grants = await tx.grants.every()
    emails = {each.id: each.email for each in await tx.users.every()}
    names = {each.client_id: each.client_name for each in await tx.clients.every()}
    return [
        await _document(tx, grant, emails.get(grant.user_id, ""), names.get(grant.client_id, ""))
        for grant in grants
        if client_id in {None, grant.client_id} and grant.is_live(tx.now)
    ]


async def document_of(tx: Transaction, grant: Grant) -> GrantDocument:
    """Read what belongs to one grant."""
    user, client = await tx.users.find(grant.user_id), await tx.clients.find(grant.client_id)
    return await _document(
        tx, grant, user.email if user else "", client.client_name if client else ""
    )


async def _document(tx: Transaction, grant: Grant, email: str, client_name: str) -> GrantDocument:
    live = [each for each in await tx.families.live_of_grant(grant.id) if each.is_live(tx.now)]
    return GrantDocument(
        id=grant.id,
        user_id=grant.user_id,
        email=email,
        client_id=grant.client_id,
        client_name=client_name,
        scope=grant.access.scope,
        apis={uri: tuple(sorted(scopes)) for uri, scopes in grant.access.apis.items()},
        openid=tuple(sorted(grant.access.openid)),
        families=len(live),
        created_at=grant.created_at,
        updated_at=grant.updated_at,
        ends_at=grant.ends_at,
    )
