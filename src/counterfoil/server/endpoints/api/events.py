"""Events: who did what to whom, when, from where. They are read, and nothing else (S111)."""

from msgspec import Struct

from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.paging import Paging
from counterfoil.server.records.event import Event
from counterfoil.server.records.store import Transaction


class EventPage(Struct, frozen=True, kw_only=True):
    """A part of the events, newest first; ``next`` is the cursor of the part after."""

    events: tuple[Event, ...]
    next: str | None


async def list_events(call: Call[Paging, Nothing]) -> EventPage:
    """``GET /api/events``."""
    part = call.query.part

    async def work(tx: Transaction) -> list[Event]:
        return await tx.events.before(part.at, part.limit)

    found = await call.server.authority.store.read(work)
    shown, after = call.query.cut(found, lambda each: (each.number, "-"))
    return EventPage(events=shown, next=after)
