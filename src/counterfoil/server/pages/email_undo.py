"""It was not me: the address from before takes its account back, under a new password (S72).

To open the link spends nothing, as in ``recovery``.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import email_change, recovery
from counterfoil.server.identity.email_change import UNDO_PATH, Undoable, Undoing
from counterfoil.server.identity.passwords import PasswordRefused, TooBusy
from counterfoil.server.pages.joining_views import UndoEmailPage
from counterfoil.server.pages.visitor import (
    BUSY,
    Visitor,
    link_over,
    put_away,
    signed_out_by_link,
    unreferred,
    visitor_of,
)
from counterfoil.server.pages.wording import made_on
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import remember
from counterfoil.server.web.csrf import demand_own_form
from counterfoil.server.web.reading import form_of
from counterfoil.server.web.server import Server

_DONE: Final = say("The account is yours again")
_NOBODY: Final = say("Nobody was signed in to it.")


async def open_link(server: Server, request: Request) -> Response:
    """``GET /undo-email``: with a token it is put into a cookie; without, the page is shown."""
    response = put_away(server, request, UNDO_PATH)
    if response is not None:
        return response
    found = await _found(server, server.cookies.action_of(request))
    if found is None:
        return link_over(server)
    visitor = visitor_of(server, request)
    return remember(server, visitor.browser, _asking(visitor, found))


async def undo(server: Server, request: Request) -> Response:
    """``POST /undo-email``: the one thing that spends the link."""
    form, visitor = await form_of(request), visitor_of(server, request)
    demand_own_form(server.authority.keys.csrf, visitor.browser.name, form, request)
    token = server.cookies.action_of(request)
    found = await _found(server, token)
    if token is None or found is None:
        return link_over(server)
    wrong = visitor.wrong_in(form, found.change.digest)
    if wrong is not None:
        return _asking(visitor, found, wrong, 400)
    try:
        ending = await email_change.undo(
            server.authority, server.passwords, _undoing(visitor, token, form)
        )
    except PasswordRefused as error:
        return _asking(visitor, found, error.sentence, 400)
    except TooBusy:
        return _asking(visitor, found, BUSY, 503)
    except Conflict:
        return link_over(server)
    if ending is None:
        return link_over(server)
    if server.sender is not None:
        server.sender.wake()
    await server.authority.hub.catch_up()
    return signed_out_by_link(server, ending, _DONE, _NOBODY)


def _undoing(visitor: Visitor, token: Secret, form: Parameters) -> Undoing:
    drop = form.get("passkeys") == "remove"
    password = Secret(form.get("new") or "")
    return Undoing(token, password, visitor.language, visitor.origin, drop_passkeys=drop)


async def _found(server: Server, token: Secret | None) -> Undoable | None:
    return await email_change.look_back(server.authority, token) if token is not None else None


def _asking(
    visitor: Visitor, found: Undoable, error: str | None = None, status: int = 200
) -> Response:
    server = visitor.server
    page = UndoEmailPage(
        prefix=server.prefix,
        action=f"{server.prefix}{UNDO_PATH}",
        csrf=visitor.csrf,
        link=visitor.name_of(found.change.digest),
        email=found.change.email,
        sentence=say(CONSEQUENCES[Cause.EMAIL_RESTORED].sentence),
        passkeys=made_on(found.passkeys),
        may_drop=recovery.may_drop_passkeys(server.authority.settings, found.user),
        error=error,
    )
    return unreferred(server, page, status)
