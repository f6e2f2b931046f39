"""Since when something has ended, and by whom: read from the events, where they still tell."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.protocol.explaining.explanation import Step, at
from counterfoil.server.records.event import Event, EventQuery
from counterfoil.server.records.store import Transaction

_ENDINGS: Final = ("_ended", "_disabled", "_withdrawn", "_shortened", "_signed_out")
"""How the words of events end that tell of an ending."""
_LOOKED_AT: Final = 200


class Subject(Struct, frozen=True):
    """What may have ended, by its id; ``since`` is the first second that matters."""

    name: str
    since: int | None = None


async def ending_of(tx: Transaction, subject: Subject) -> Event | None:
    """Find the event that ended something: the first one, for what has ended stays ended."""
    query = EventQuery(subject=subject.name, since=subject.since, limit=_LOOKED_AT)
    found = await tx.events.find(query)
    endings = (each for each in reversed(found) if each.kind.value.endswith(_ENDINGS))
    return next((each for each in endings if each.subject == subject.name), None)


async def dated(tx: Transaction, step: Step, subject: Subject) -> Step:
    """Say since when a failed check fails, and by whose doing; unsaid where no event tells."""
    event = await ending_of(tx, subject)
    if event is None:
        return step
    sentence = f"{step.sentence} It was ended at {at(event.at)}."
    return replace(step, sentence=sentence, since=event.at, by=event.actor)
