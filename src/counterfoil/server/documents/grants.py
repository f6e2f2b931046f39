"""Grants as JSON. A stable interface."""

from collections.abc import Mapping

from msgspec import Struct

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
    ended_at: int | None


class LimitedGrant(Struct, frozen=True, kw_only=True):
    """A grant that was given another end date, and how many families ended at once for it."""

    grant: GrantDocument
    families_ended: int


class GrantList(Struct, frozen=True, kw_only=True):
    """Live grants, by age."""

    grants: tuple[GrantDocument, ...]


async def documents(
    tx: Transaction, user_id: str | None, client_id: str | None
) -> list[GrantDocument]:
    """Read the live grants, of one person or client where these are named."""
    grants = await (tx.grants.every() if user_id is None else tx.grants.of_user(user_id))
    return [
        await document_of(tx, grant)
        for grant in grants
        if client_id in {None, grant.client_id} and grant.is_live(tx.now)
    ]


async def document_of(tx: Transaction, grant: Grant) -> GrantDocument:
    """Give the document of a grant, with the names of its person and client."""
    user = await tx.users.find(grant.user_id)
    client = await tx.clients.find(grant.client_id)
    live = [each for each in await tx.families.live_of_grant(grant.id) if each.is_live(tx.now)]
    return GrantDocument(
        id=grant.id,
        user_id=grant.user_id,
        email=user.email if user else "",
        client_id=grant.client_id,
        client_name=client.client_name if client else "",
        scope=grant.access.scope,
        apis={uri: tuple(sorted(scopes)) for uri, scopes in grant.access.apis.items()},
        openid=tuple(sorted(grant.access.openid)),
        families=len(live),
        created_at=grant.created_at,
        updated_at=grant.updated_at,
        ends_at=grant.ends_at,
        ended_at=grant.ended_at,
    )
