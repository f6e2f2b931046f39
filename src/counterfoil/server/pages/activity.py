"""My account, activity: the person's part of the audit log in plain words, page by page (S111)."""

from functools import partial
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.pages.account_views import ActivityPage, ActivityRow
from counterfoil.server.pages.activity_words import app_of, doer_of, is_own, sentence_of
from counterfoil.server.pages.places import place_of
from counterfoil.server.pages.wording import device_of, moment_of
from counterfoil.server.records.event import Event, EventKind, EventQuery
from counterfoil.server.records.sentence import Row
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.reading import query_of
from counterfoil.server.web.server import Server

ROWS: Final = 25
_LONGEST_NUMBER: Final = 15


class Log(Struct, frozen=True):
    """Events, newest first, and the names of the apps that have a part in them."""

    events: list[Event]
    names: dict[str, str]


async def activity(server: Server, request: Request) -> Response:
    """``GET /account/activity?before=…``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    before = number_in(query_of(request).get("before"))
    query = EventQuery(person=person.user.id, before=before, limit=ROWS + 1)
    log = await server.authority.store.read(partial(read_log, query))
    shown, here = log.events[:ROWS], f"{server.prefix}/account/activity"
    more = len(log.events) > ROWS
    page = ActivityPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        rows=tuple(row_of(server, person, each, log.names) for each in shown),
        older=f"{here}?before={shown[-1].number}" if more else "",
        newest=here if before is not None else "",
    )
    return show(server, page)


def number_in(unverified: str | None) -> int | None:
    """Read the number of an event; ``None`` where there is none."""
    text = unverified or ""
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else None


async def read_log(query: EventQuery, tx: Transaction) -> Log:
    """Read some of a person's events, with the names of the apps in them."""
    found = await tx.events.find(query)
    names = dict[str, str]()
    for client_id in {app_of(each) for each in found} - {""}:
        client = await tx.clients.find(client_id)
        if client is not None:
            names[client_id] = client.client_name
    return Log(found, names)


def row_of(server: Server, person: Person, event: Event, names: dict[str, str]) -> ActivityRow:
    """Say of an event what the person may know of it.

    Where it was not done in their name, device and address are somebody else's.
    """
    own = is_own(event, person.user.id)
    origin = Origin(event.address, event.user_agent)
    parts = (device_of(origin.user_agent), place_of(server, origin)) if own else ()
    return ActivityRow(
        number=event.number,
        sentence=sentence_of(event, person.user.id, names),
        at=moment_of(event.at),
        by=doer_of(event, person.user.id, names),
        where=Row(tuple(each for each in parts if each), ", "),
        own=own and event.kind is not EventKind.SIGN_IN_FAILED,
    )
