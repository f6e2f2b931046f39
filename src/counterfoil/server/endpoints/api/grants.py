"""Grants: what people allow apps. They are ended at ``/api/endings``."""

from msgspec import Struct

from counterfoil.server.documents.grants import GrantDocument, document_of
from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.paging import Name, Paging
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.records.store import Transaction


class GrantPage(Struct, frozen=True, kw_only=True):
    """A part of the live grants, newest first; ``next`` is the cursor of the part after."""

    grants: tuple[GrantDocument, ...]
    next: str | None


class GrantPaging(Paging, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one person, or of one client; of the person where both are named."""

    user_id: Name | None = None
    client_id: Name | None = None


async def list_grants(call: Call[GrantPaging, Nothing]) -> GrantPage:
    """``GET /api/grants``."""
    asked, part = call.query, call.query.part

    async def work(tx: Transaction) -> list[GrantDocument]:
        ids = await tx.lists.grants(part, user_id=asked.user_id, client_id=asked.client_id)
        return [await _document(tx, each) for each in ids]

    found = await call.server.authority.store.read(work)
    shown, after = asked.cut(found, lambda each: (each.created_at, each.id))
    return GrantPage(grants=shown, next=after)


async def show_grant(call: Call[Nothing, Nothing]) -> GrantDocument:
    """``GET /api/grants/{grant_id}``."""

    async def work(tx: Transaction) -> GrantDocument:
        return await _document(tx, call.names["grant_id"])

    return await call.server.authority.store.read(work)


async def _document(tx: Transaction, grant_id: str) -> GrantDocument:
    found = await tx.grants.find(grant_id)
    if found is None:
        raise NotFound("There is no such grant.")
    return await document_of(tx, found)
