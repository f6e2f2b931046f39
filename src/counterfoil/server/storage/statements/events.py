"""The log of what happened. Only ever appended to (S111)."""

from typing import Final

from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text, texts_from

_APPEND: Final = """
INSERT INTO events (kind, at, actor, subject, address, user_agent, detail)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_LATEST: Final = """
SELECT number, kind, at, actor, subject, address, user_agent, detail
FROM events ORDER BY number DESC LIMIT ?
"""


class EventStatements:
    """Keeps the promises of ``Events``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(self, event: Event) -> None:
        """Append; the number is given here."""
        await self._connection.run(
            _APPEND,
            event.kind.value,
            event.at,
            event.actor,
            event.subject,
            event.address,
            event.user_agent,
            json_text(event.detail),
        )

    async def latest(self, count: int) -> list[Event]:
        """The newest events, newest first."""
        return [_event(row) for row in await self._connection.all(_LATEST, count)]


def _event(row: Row) -> Event:
    return Event(
        number=row[0],
        kind=EventKind(row[1]),
        at=row[2],
        actor=row[3],
        subject=row[4],
        address=row[5],
        user_agent=row[6],
        detail=texts_from(row[7]),
    )
