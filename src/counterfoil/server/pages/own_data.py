"""My account, one's own data: a JSON file, after a fresh sign-in, written as it is sent."""

from collections.abc import AsyncIterator
from functools import partial
from types import MappingProxyType
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from counterfoil.server.identity.second_factor import still_there
from counterfoil.server.pages.account_views import DataPage
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.onward import DATA, Onward
from counterfoil.server.protocol import own_data
from counterfoil.server.records.event import Event
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.browser import Person, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.headers import protect_page
from counterfoil.server.web.server import Server

_HEADERS: Final = MappingProxyType(
    {
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="my-account.json"',
    }
)


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/data``."""
    person = await fresh_person(server, request, Onward(next=DATA))
    if isinstance(person, Response):
        return person
    page = DataPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/data",
    )
    return show(server, page)


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/data``: the file."""
    sent = await fresh_form(server, request, Onward(next=DATA))
    if isinstance(sent, Response):
        return sent
    person = sent.person
    parts = await server.authority.store.read(partial(_parts, person.user))
    body = _document(server, person, msgspec.json.encode(parts))
    response = StreamingResponse(body, media_type="application/json", headers=_HEADERS)
    protect_page(response)
    return response


async def _parts(user: User, tx: Transaction) -> dict[str, object]:
    return await own_data.parts_of(tx, user)


async def _document(server: Server, person: Person, parts: bytes) -> AsyncIterator[bytes]:
    """Spell the document: no more than a part of the events is in memory at once.

    A session that ends meanwhile, or has another secret by now, gets no more of them, and the
    document says that it is not complete.
    """
    yield parts.removesuffix(b"}") + b',"events":['
    before, comma = None, b""
    while events := await server.authority.store.read(partial(_events, server, person, before)):
        each = (msgspec.json.encode(own_data.told(event, person.user.id)) for event in events)
        yield comma + b",".join(each)
        before, comma = events[-1].number, b","
    yield b'],"complete":%b}' % msgspec.json.encode(events is not None)


async def _events(
    server: Server, person: Person, before: int | None, tx: Transaction
) -> list[Event] | None:
    if await still_there(server.authority, tx, person.session) is None:
        return None
    return await own_data.events_of(tx, person.user.id, before)
