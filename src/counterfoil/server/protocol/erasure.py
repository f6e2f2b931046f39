"""Erasing a person from the audit log: the lines stand, and name and locate nobody (S111)."""

from typing import Final

from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction

LOG: Final = "events"


async def erase_from_log(tx: Transaction, user_id: str, by: Actor) -> int:
    """Erase all in the log that names or locates a person; says how many parts of lines.

    The log tells of it, and not of whom: what was erased must not come back by that line.
    """
    parts = await tx.events.erase(user_id)
    if parts:
        await events.record(tx, EventKind.PERSONAL_DATA_ERASED, by, LOG, {"parts": str(parts)})
    return parts
