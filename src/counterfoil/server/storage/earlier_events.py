"""Events from before the audit log: chained in their order, once, when the file is opened."""

from collections.abc import Callable
from typing import Final

import apsw

from counterfoil.server.records.audit import BEGINNING, Point, entry_of
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.storage.connection import Row
from counterfoil.server.storage.statements.events import APPEND, values_of
from counterfoil.server.storage.statements.json_text import texts_from

_IS_THERE: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'events_before'"
_EVERY: Final = """
SELECT kind, at, actor, subject, address, user_agent, detail FROM events_before ORDER BY number
"""


def take_in_earlier_events(engine: apsw.Connection, random: Callable[[int], bytes]) -> None:
    """Make them the first lines of the log. Safe when several processes do it at once.

    Raises:
        apsw.Error: the engine failed; nothing was done.
    """
    if not engine.execute(_IS_THERE).fetchall():
        return
    engine.execute("BEGIN IMMEDIATE")
    try:
        if engine.execute(_IS_THERE).fetchall():
            _chain(engine, random)
            engine.execute("DROP TABLE events_before")
        engine.execute("COMMIT")
    except BaseException:
        if engine.in_transaction:
            engine.execute("ROLLBACK")
        raise


def _chain(engine: apsw.Connection, random: Callable[[int], bytes]) -> None:
    last = BEGINNING
    for row in engine.execute(_EVERY).fetchall():
        entry = entry_of(_event(row), last, random)
        engine.execute(APPEND, values_of(entry))
        last = Point(entry.line.number, entry.digest)


def _event(row: Row) -> Event:
    return Event(
        kind=EventKind(row[0]),
        at=row[1],
        actor=row[2],
        subject=row[3],
        address=row[4],
        user_agent=row[5],
        detail=texts_from(row[6]),
    )
