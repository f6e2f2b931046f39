"""Events: who did what to whom, when, from where. They are read, and nothing else (S111)."""

from typing import Annotated

from msgspec import Meta, Struct

from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.paging import Name, Paging
from counterfoil.server.records.event import Event, EventKind, EventQuery
from counterfoil.server.records.store import Transaction


class EventPage(Struct, frozen=True, kw_only=True):
    """A part of the events, newest first; ``next`` is the cursor of the part after."""

    events: tuple[Event, ...]
    next: str | None


class EventPaging(Paging, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one kind, by one actor, about one subject (an id, of a person concerned too), since."""

    kind: EventKind | None = None
    actor: Name | None = None
    subject: Name | None = None
    since: Annotated[int, Meta(ge=0, le=2**53)] | None = None


async def list_events(call: Call[EventPaging, Nothing]) -> EventPage:
    """``GET /api/events``."""
    asked, part = call.query, call.query.part
    query = EventQuery(
        kind=asked.kind,
        actor=asked.actor,
        subject=asked.subject,
        since=asked.since,
        before=part.at,
        limit=part.limit,
    )

    async def work(tx: Transaction) -> list[Event]:
        return await tx.events.find(query)

    found = await call.server.authority.store.read(work)
    shown, after = asked.cut(found, lambda each: (each.number, "-"))
    return EventPage(events=shown, next=after)
