"""Families as JSON. A stable interface."""

from msgspec import Struct

from counterfoil.server.records.family import Family
from counterfoil.server.records.store import Transaction


class FamilyDocument(Struct, frozen=True, kw_only=True):
    """What hangs under one authorization; ``session_id`` is null where it outlives sessions.

    ``user_agent`` is what the browser or app says of itself. Times in seconds since the epoch.
    """

    id: str
    grant_id: str
    client_id: str
    user_id: str
    session_id: str | None
    scope: str
    created_at: int
    last_used_at: int
    address: str
    user_agent: str
    ended_at: int | None
    ended_why: str


class FamilyList(Struct, frozen=True, kw_only=True):
    """Live families of a grant, oldest first."""

    families: tuple[FamilyDocument, ...]


async def documents(tx: Transaction, grant_id: str) -> list[FamilyDocument]:
    """Read the live families of a grant."""
    return [document_of(family) for family in await tx.families.live_of_grant(grant_id)]


def document_of(family: Family) -> FamilyDocument:
    """Give the document of a family."""
    return FamilyDocument(
        id=family.id,
        grant_id=family.grant_id,
        client_id=family.client_id,
        user_id=family.user_id,
        session_id=family.session_id,
        scope=family.access.scope,
        created_at=family.created_at,
        last_used_at=family.last_used_at,
        address=family.origin.address,
        user_agent=family.origin.user_agent,
        ended_at=family.ended_at,
        ended_why=family.ended_why,
    )
