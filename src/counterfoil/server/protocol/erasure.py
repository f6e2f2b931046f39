"""Erasing a person from the audit log: the lines stand, and name and locate nobody (S111)."""

from typing import Final

from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.erased import ErasedLines
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction

LOG: Final = "events"
_NONE: Final = ErasedLines()


async def erase_from_log(
    tx: Transaction, user_id: str, by: Actor, in_files: ErasedLines = _NONE
) -> int:
    """Erase all in the log that names or locates a person; says how many parts of lines.

    ``in_files`` are lines that are about to be blanked in files. The log tells of which lines they
    were, and not of whom: what was erased must not come back by that line.
    """
    erased = await tx.events.erase(user_id)
    for detail in (erased | in_files).details():
        await events.record(tx, EventKind.PERSONAL_DATA_ERASED, by, LOG, detail)
    return erased.parts
