"""Sessions: browsers that are signed in. They are ended at ``/api/endings``."""

from msgspec import Struct

from counterfoil.server.documents.sessions import SessionDocument, document_of
from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.paging import Name, Paging
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.records.store import Transaction


class SessionPage(Struct, frozen=True, kw_only=True):
    """A part of the sessions, newest first; ``next`` is the cursor of the part after."""

    sessions: tuple[SessionDocument, ...]
    next: str | None


class SessionPaging(Paging, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one person, or of all."""

    user_id: Name | None = None


async def list_sessions(call: Call[SessionPaging, Nothing]) -> SessionPage:
    """``GET /api/sessions``: those not ended, though some may have been idle for too long."""
    asked, part = call.query, call.query.part

    async def work(tx: Transaction) -> list[SessionDocument]:
        ids = await tx.lists.sessions(part, asked.user_id)
        return [await _document(tx, each) for each in ids]

    found = await call.server.authority.store.read(work)
    shown, after = asked.cut(found, lambda each: (each.auth_time, each.id))
    return SessionPage(sessions=shown, next=after)


async def show_session(call: Call[Nothing, Nothing]) -> SessionDocument:
    """``GET /api/sessions/{session_id}``."""

    async def work(tx: Transaction) -> SessionDocument:
        return await _document(tx, call.names["session_id"])

    return await call.server.authority.store.read(work)


async def _document(tx: Transaction, session_id: str) -> SessionDocument:
    found = await tx.sessions.find(session_id)
    if found is None:
        raise NotFound("There is no such session.")
    return await document_of(tx, found)
