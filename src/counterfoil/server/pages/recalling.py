"""A remembered browser comes to the sign-in page: it is signed in, or greeted (S24, S35).

Nowhere else does what it is remembered by count for anything.
"""

from functools import partial
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.identity import remembering
from counterfoil.server.identity.remembering import Found, Recalled, Reused, Shown
from counterfoil.server.pages.onward import Onward, enter
from counterfoil.server.pages.remembered import set_remembered, shown_in
from counterfoil.server.protocol.interaction import Refuse, SignIn
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, signed_in_at
from counterfoil.server.web.flow import next_in
from counterfoil.server.web.server import Server

_REUSED: Final = say(
    "What this browser was remembered by was used somewhere else, or a second time. To be safe, "
    "all that was opened with it has ended. Sign in again."
)


class Greeting(Struct, frozen=True):
    """Whom the page greets. ``error`` says why somebody who was remembered is not any more.

    ``forgotten``: what the browser shows is worth nothing any more.
    """

    name: str = ""
    email: str = ""
    error: str | None = None
    forgotten: bool = False


NOBODY: Final = Greeting()


class _Look(Struct, frozen=True):
    """Whom a browser is remembered for, and whether that is enough for where they want to go."""

    found: Found
    is_enough: bool


async def recalled(server: Server, request: Request, onward: Onward) -> Response | Greeting:
    """Sign a remembered browser in and send it on; or say whom the page greets.

    Nobody is signed in who is so already, nor who would only be asked again.
    """
    shown = shown_in(server, request)
    if shown is None:
        return NOBODY
    look = await server.authority.store.read(partial(_look, server, shown, onward))
    is_there = await signed_in_at(server, request) is not None
    if look is None or (look.is_enough and not is_there):
        outcome = await server.authority.store.transact(partial(_recall, server, shown))
        if isinstance(outcome, Recalled):
            response = await enter(server, request, outcome.begun, onward)
            set_remembered(server, request, outcome.kept, response)
            return response
        if isinstance(outcome, Reused):
            await server.authority.hub.catch_up()
            return Greeting(error=_REUSED, forgotten=True)
    if look is None:
        return Greeting(forgotten=True)
    user = look.found.user
    return Greeting(user.name or user.email, user.email)


async def _look(server: Server, shown: Shown, onward: Onward, tx: Transaction) -> _Look | None:
    found = await remembering.find(server.authority, tx, shown)
    if found is None:
        return None
    if found.opens is None or onward.flow is None:
        return _Look(found, found.opens is not None)
    person = Person(found.user, found.opens)
    step = await next_in(server, onward.flow.pending, person, tx)
    return _Look(found, not isinstance(step, SignIn | Refuse))


async def _recall(server: Server, shown: Shown, tx: Transaction) -> Recalled | Reused | None:
    return await remembering.recall(server.authority, tx, shown)
