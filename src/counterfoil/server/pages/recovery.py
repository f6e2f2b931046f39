"""Getting back in: a link is asked for, opened, and a new password chosen (S72).

To open the link spends nothing, be it a person, a scanner or a browser that looks ahead. Its token
goes into a cookie at once, so that no history, bookmark or ``Referer`` has it.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import recovery
from counterfoil.server.identity.passwords import PasswordRefused, TooBusy
from counterfoil.server.identity.recovery import ASK_PATH, LINK_PATH, Asked, Choice
from counterfoil.server.pages.recovery_views import (
    ForgottenPage,
    LinkSentPage,
    NewPasswordPage,
)
from counterfoil.server.pages.views import ErrorPage
from counterfoil.server.pages.visitor import (
    BUSY,
    OFTEN,
    Visitor,
    comes_too_often,
    link_over,
    minutes_of,
    put_away,
    signed_out_by_link,
    unreferred,
    visitor_of,
)
from counterfoil.server.pages.wording import made_on
from counterfoil.server.protocol.action_tokens import Opened
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import remember, show
from counterfoil.server.web.csrf import demand_own_form
from counterfoil.server.web.reading import form_of
from counterfoil.server.web.server import Server

_LONGEST: Final = 254
_NONE: Final = say("Type the email address of your account.")
_DONE: Final = say("You have a new password")
_NOBODY: Final = say("You were signed in nowhere.")


async def ask(server: Server, request: Request) -> Response:
    """``GET /forgotten-password``."""
    if server.sender is None:
        return _no_mail(server)
    visit = visitor_of(server, request)
    return remember(server, visit.browser, _asking(visit))


async def answer(server: Server, request: Request) -> Response:
    """``POST /forgotten-password``: the same answer for any address."""
    if server.sender is None:
        return _no_mail(server)
    form, visit = await form_of(request), visitor_of(server, request)
    demand_own_form(server.authority.keys.csrf, visit.browser.name, form, request)
    email = (form.get("email") or "").strip()
    if not 3 <= len(email) <= _LONGEST or "@" not in email or not email.isprintable():
        return _asking(visit, "", _NONE, 400)
    if comes_too_often(server, visit.origin, email):
        return _asking(visit, email, OFTEN, 429)
    if not await recovery.ask(server.authority, Asked(email, visit.language, visit.origin)):
        return _asking(visit, email, BUSY, 503)
    server.sender.wake()
    return unreferred(
        server, LinkSentPage(prefix=server.prefix, email=email, minutes=minutes_of(server))
    )


async def open_link(server: Server, request: Request) -> Response:
    """``GET /new-password``: with a token it is put into a cookie; without, the page is shown."""
    response = put_away(server, request, LINK_PATH)
    if response is not None:
        return response
    visit, token = visitor_of(server, request), server.cookies.action_of(request)
    opened = await recovery.look(server.authority, token) if token is not None else None
    if opened is None:
        return link_over(server)
    return remember(server, visit.browser, await _choosing(visit, opened))


async def choose(server: Server, request: Request) -> Response:
    """``POST /new-password``: the one thing that spends the link."""
    form, visit = await form_of(request), visitor_of(server, request)
    demand_own_form(server.authority.keys.csrf, visit.browser.name, form, request)
    token = server.cookies.action_of(request)
    opened = await recovery.look(server.authority, token) if token is not None else None
    if token is None or opened is None:
        return link_over(server)
    wrong = visit.wrong_in(form, opened.token.digest)
    if wrong is not None:
        return await _choosing(visit, opened, wrong, 400)
    try:
        ending = await recovery.choose_password(
            server.authority, server.passwords, _choice(visit, token, form)
        )
    except PasswordRefused as error:
        return await _choosing(visit, opened, error.sentence, 400)
    except TooBusy:
        return await _choosing(visit, opened, BUSY, 503)
    if ending is None:
        return link_over(server)
    if server.sender is not None:
        server.sender.wake()
    await server.authority.hub.catch_up()
    return signed_out_by_link(server, ending, _DONE, _NOBODY)


def _choice(visit: Visitor, token: Secret, form: Parameters) -> Choice:
    drop = form.get("passkeys") == "remove"
    password = Secret(form.get("new") or "")
    return Choice(token, password, visit.language, visit.origin, drop_passkeys=drop)


def _asking(
    visit: Visitor, email: str = "", error: str | None = None, status: int = 200
) -> Response:
    server = visit.server
    page = ForgottenPage(
        prefix=server.prefix,
        action=f"{server.prefix}{ASK_PATH}",
        csrf=visit.csrf,
        email=email,
        error=error,
    )
    return unreferred(server, page, status)


async def _choosing(
    visit: Visitor, opened: Opened, error: str | None = None, status: int = 200
) -> Response:
    server, user = visit.server, opened.user
    own = await recovery.passkeys_of(server.authority, user)
    page = NewPasswordPage(
        prefix=server.prefix,
        action=f"{server.prefix}{LINK_PATH}",
        csrf=visit.csrf,
        link=visit.name_of(opened.token.digest),
        user_email=user.email,
        sentence=say(CONSEQUENCES[Cause.PASSWORD_RESET].sentence),
        passkeys=made_on(own),
        may_drop=recovery.may_drop_passkeys(server.authority.settings, user),
        error=error,
    )
    return unreferred(server, page, status)


def _no_mail(server: Server) -> Response:
    page = ErrorPage(
        prefix=server.prefix,
        title=say("This server sends no mail"),
        sentence=say("Ask whoever runs it for a new password."),
        code="not_found",
        request_id=named(server.random(6)),
    )
    return show(server, page, status=404)
