"""Families: what hangs under each authorization. They are ended at ``/api/endings``."""

from msgspec import Struct

from counterfoil.server.documents.families import FamilyDocument, document_of
from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.paging import Name, Paging
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.records.store import Transaction


class FamilyPage(Struct, frozen=True, kw_only=True):
    """A part of the families, newest first; ``next`` is the cursor of the part after."""

    families: tuple[FamilyDocument, ...]
    next: str | None


class FamilyPaging(Paging, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one grant, or of one session; of the grant where both are named."""

    grant_id: Name | None = None
    session_id: Name | None = None


async def list_families(call: Call[FamilyPaging, Nothing]) -> FamilyPage:
    """``GET /api/families``: those not ended; an expired one until it is swept away."""
    asked, part = call.query, call.query.part

    async def work(tx: Transaction) -> list[FamilyDocument]:
        ids = await tx.lists.families(part, grant_id=asked.grant_id, session_id=asked.session_id)
        return [await _document(tx, each) for each in ids]

    found = await call.server.authority.store.read(work)
    shown, after = asked.cut(found, lambda each: (each.created_at, each.id))
    return FamilyPage(families=shown, next=after)


async def show_family(call: Call[Nothing, Nothing]) -> FamilyDocument:
    """``GET /api/families/{family_id}``."""

    async def work(tx: Transaction) -> FamilyDocument:
        return await _document(tx, call.names["family_id"])

    return await call.server.authority.store.read(work)


async def _document(tx: Transaction, family_id: str) -> FamilyDocument:
    found = await tx.families.find(family_id)
    if found is None:
        raise NotFound("There is no such family.")
    return document_of(found)
