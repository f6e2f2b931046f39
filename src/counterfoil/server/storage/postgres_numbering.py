"""Notices and lines of the audit log of works that run beside others: numbered after their commit.

They stand in a waiting room until whoever comes next numbers and chains all that were committed,
in one transaction, one process at a time. A late commit is numbered later, and never passed over.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from counterfoil.oauth.feed import Position, next_digest
from counterfoil.oauth.revocations import Notice
from counterfoil.server.records.audit import Point, demand_erasable, entry_of
from counterfoil.server.records.event import Event
from counterfoil.server.storage.postgres_connection import PostgresConnection, without_nul
from counterfoil.server.storage.statements.events import APPEND, EventStatements, values_of
from counterfoil.server.storage.statements.notices import ADD, ADVANCE, NoticeStatements, token_of

_NOTICE_WAITS: Final = "INSERT INTO notices_waiting (text, until, token) VALUES (?, ?, ?)"
_EVENT_WAITS: Final = "INSERT INTO events_waiting (event) VALUES (?)"
_TAKE_NOTICES: Final = "DELETE FROM notices_waiting RETURNING id, text, until, token"
_TAKE_EVENTS: Final = "DELETE FROM events_waiting RETURNING id, event"
_NAMES_TOKEN: Final = "SELECT 1 FROM notices_waiting WHERE token = ? LIMIT 1"

_EVENT: Final = msgspec.json.Decoder(Event)


class WaitingNotices(NoticeStatements):
    """Notices of a work that runs beside others."""

    def __init__(self, connection: PostgresConnection) -> None:
        super().__init__(connection)
        self.left = False

    async def append(self, notices: Iterable[Notice]) -> Position:
        """Leave notices to be numbered after the commit; gives where the feed stands until then."""
        for notice in notices:
            self.left = True
            waits = notice.text(), notice.until, token_of(notice)
            await self._connection.run(_NOTICE_WAITS, *waits)
        return (await self.head())[0]

    async def names_token(self, handle: str) -> bool:
        """Whether a notice, numbered or waiting, ends the access token with this handle."""
        if await super().names_token(handle):
            return True
        return await self._connection.one(_NAMES_TOKEN, handle) is not None


class WholeEvents(EventStatements):
    """Events, with the one letter replaced that no text there can hold: lines chain what stands."""

    async def append(self, event: Event) -> None:
        """Append; the number is given here."""
        await super().append(storable(event))


class WaitingEvents(EventStatements):
    """Events of a work that runs beside others."""

    def __init__(self, connection: PostgresConnection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection, random)
        self.left = False

    async def append(self, event: Event) -> None:
        """Leave an event to become a line after the commit."""
        demand_erasable(event)  # one that cannot become a line would hold up all behind it
        self.left = True
        text = msgspec.json.encode(storable(event)).decode()
        await self._connection.run(_EVENT_WAITS, text)


def storable(event: Event) -> Event:
    """Give the event as PostgreSQL can hold it."""
    spelled = event.actor, event.subject, event.proof, event.address, event.user_agent
    if not any("\0" in text for text in (*spelled, *event.detail.values())):
        return event
    actor, subject, proof, address, user_agent = map(without_nul, spelled)
    detail = {name: without_nul(text) for name, text in event.detail.items()}
    return msgspec.structs.replace(
        event, actor=actor, subject=subject, proof=proof, address=address,
        user_agent=user_agent, detail=detail,
    )  # fmt: skip


async def number_waiting(connection: PostgresConnection, random: Callable[[int], bytes]) -> bool:
    """Number and chain all that was committed. The lock ``NUMBERING`` must be held.

    ``random`` gives the salts of the lines. Says whether there was anything.
    """
    notices = sorted(await connection.all(_TAKE_NOTICES))
    events = sorted(await connection.all(_TAKE_EVENTS))
    if notices:
        await _number_notices(connection, [row[1:] for row in notices])
    if events:
        await _number_events(connection, random, [_EVENT.decode(row[1]) for row in events])
    return bool(notices or events)


async def _number_notices(
    connection: PostgresConnection, waiting: list[tuple[bytes, int, str | None]]
) -> None:
    position, digest = await NoticeStatements(connection).head()
    rows = []
    for number, (text, until, token) in enumerate(waiting, position.number + 1):
        digest = next_digest(digest, text)
        rows.append((number, text, until, token))
    await connection.run_for_each(ADD, rows)
    await connection.run(ADVANCE, rows[-1][0], digest)


async def _number_events(
    connection: PostgresConnection, random: Callable[[int], bytes], waiting: list[Event]
) -> None:
    last = await EventStatements(connection, random).last()
    rows = []
    for event in waiting:
        entry = entry_of(event, last, random)
        last = Point(entry.line.number, entry.digest)
        rows.append(values_of(entry))
    await connection.run_for_each(APPEND, rows)
