"""Getting back in: a link is asked for, opened, and a new password chosen (S72).

To open the link spends nothing, be it a person, a scanner or a browser that looks ahead. Its token
goes into a cookie at once, so that no history, bookmark or ``Referer`` has it.
"""

from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Kind, Secret, is_spelled
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import recovery
from counterfoil.server.identity.passwords import PasswordRefused, TooBusy
from counterfoil.server.identity.recovery import ASK_PATH, LINK_PATH, Asked, Choice
from counterfoil.server.mail.words import language_in
from counterfoil.server.pages.ending import ended_sentence
from counterfoil.server.pages.recovery_views import (
    ForgottenPage,
    LinkOverPage,
    LinkSentPage,
    NewPasswordPage,
)
from counterfoil.server.pages.views import EndedPage, ErrorPage
from counterfoil.server.protocol.action_tokens import Opened
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.protocol.rates import key_of
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.session import Origin
from counterfoil.server.records.user import normalised_email
from counterfoil.server.web.browser import Browser, browser_of, go, remember, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.page import Page
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_LONGEST: Final = 254
_PER_ADDRESS: Final = 10
"""So many people may share an address and forget their passwords in one hour."""
_MINUTES: Final = 60
_NONE: Final = "Type the email address of your account."
_OFTEN: Final = "A link was asked for too often. Look into your mailbox, or try again in an hour."
_BUSY: Final = "Too many people are asking at this moment. Wait a little and try again."
_ANOTHER: Final = (
    "Another link was opened in this browser since. Look whose account this is, and go on."
)
_DIFFERENT: Final = "The two new passwords are not the same."


class _Visit(Struct, frozen=True):
    """Somebody at a browser, and from where they came."""

    server: Server
    browser: Browser
    origin: Origin
    language: str


def _visit(server: Server, request: Request) -> _Visit:
    return _Visit(
        server,
        browser_of(server, request),
        origin_of(request, server.authority.settings.trusted_proxies),
        language_in(request.headers.get("accept-language", "")),
    )


async def ask(server: Server, request: Request) -> Response:
    """``GET /forgotten-password``."""
    if server.sender is None:
        return _no_mail(server)
    visit = _visit(server, request)
    return remember(server, visit.browser, _asking(visit))


async def answer(server: Server, request: Request) -> Response:
    """``POST /forgotten-password``: the same answer for any address."""
    if server.sender is None:
        return _no_mail(server)
    form, visit = await form_of(request), _visit(server, request)
    demand_own_form(server.authority.keys.csrf, visit.browser.name, form, request)
    email = (form.get("email") or "").strip()
    if not 3 <= len(email) <= _LONGEST or "@" not in email or not email.isprintable():
        return _asking(visit, "", _NONE, 400)
    if _comes_too_often(visit, email):
        return _asking(visit, email, _OFTEN, 429)
    if not await recovery.ask(server.authority, Asked(email, visit.language, visit.origin)):
        return _asking(visit, email, _BUSY, 503)
    server.sender.wake()
    minutes = server.authority.settings.action_link_lifetime // _MINUTES
    return _shown(server, LinkSentPage(prefix=server.prefix, email=email, minutes=minutes))


def _comes_too_often(visit: _Visit, email: str) -> bool:
    """Count one asking, for the address typed and the one that it comes from."""
    server = visit.server
    # What is counted by the minute is counted by the hour where a minute of the clock is a second.
    now = server.clock() / _MINUTES
    each = server.authority.settings.recoveries_per_hour
    place = f"from {key_of(visit.origin.address)!r}"
    waits = server.recoveries.take(place, now, each * _PER_ADDRESS) if visit.origin.address else 0.0
    return bool(waits or server.recoveries.take(f"for {normalised_email(email)}", now, each))


async def open_link(server: Server, request: Request) -> Response:
    """``GET /new-password``: with a token it is put into a cookie; without, the page is shown."""
    given = query_of(request).get("token")
    if given is not None:
        response = go(f"{server.prefix}{LINK_PATH}")
        if is_spelled(Kind.ACTION_TOKEN, given):
            server.cookies.set_action(response, Secret(given))
        else:
            server.cookies.clear_action(response)
        return response
    visit, token = _visit(server, request), server.cookies.action_of(request)
    opened = await recovery.look(server.authority, token) if token is not None else None
    if opened is None:
        return _over(server)
    return remember(server, visit.browser, _choosing(visit, opened))


async def choose(server: Server, request: Request) -> Response:
    """``POST /new-password``: the one thing that spends the link."""
    form, visit = await form_of(request), _visit(server, request)
    demand_own_form(server.authority.keys.csrf, visit.browser.name, form, request)
    token = server.cookies.action_of(request)
    opened = await recovery.look(server.authority, token) if token is not None else None
    if token is None or opened is None:
        return _over(server)
    if (form.get("link") or "") != _name_of(visit, opened):
        return _choosing(visit, opened, _ANOTHER, 400)
    if (form.get("new") or "") != (form.get("again") or ""):
        return _choosing(visit, opened, _DIFFERENT, 400)
    try:
        ending = await recovery.choose_password(
            server.authority, server.passwords, _choice(visit, token, form)
        )
    except PasswordRefused as error:
        return _choosing(visit, opened, str(error), 400)
    except TooBusy:
        return _choosing(visit, opened, _BUSY, 503)
    if ending is None:
        return _over(server)
    if server.sender is not None:
        server.sender.wake()
    await server.authority.hub.catch_up()
    return _chosen(server, ending)


def _name_of(visit: _Visit, opened: Opened) -> str:
    """Name a link in its form: the cookie may be another's by the time that it is sent."""
    return csrf_token(visit.server.authority.keys.csrf, f"link {opened.token.digest.hex()}")


def _choice(visit: _Visit, token: Secret, form: Parameters) -> Choice:
    return Choice(token, Secret(form.get("new") or ""), visit.language, visit.origin)


def _asking(
    visit: _Visit, email: str = "", error: str | None = None, status: int = 200
) -> Response:
    server = visit.server
    page = ForgottenPage(
        prefix=server.prefix,
        action=f"{server.prefix}{ASK_PATH}",
        csrf=csrf_token(server.authority.keys.csrf, visit.browser.name),
        email=email,
        error=error,
    )
    return _shown(server, page, status)


def _choosing(
    visit: _Visit, opened: Opened, error: str | None = None, status: int = 200
) -> Response:
    server = visit.server
    page = NewPasswordPage(
        prefix=server.prefix,
        action=f"{server.prefix}{LINK_PATH}",
        csrf=csrf_token(server.authority.keys.csrf, visit.browser.name),
        link=_name_of(visit, opened),
        user_email=opened.user.email,
        sentence=CONSEQUENCES[Cause.PASSWORD_RESET].sentence,
        error=error,
    )
    return _shown(server, page, status)


def _chosen(server: Server, ending: Ending) -> Response:
    page = EndedPage(
        prefix=server.prefix,
        title="You have a new password",
        sentence=ended_sentence(ending) if ending.ended else "You were signed in nowhere.",
        receipt=str(ending.position),
        back=f"{server.prefix}/sign-in",
        back_title="Sign in",
    )
    response = _shown(server, page)
    server.cookies.clear_action(response)
    return response


def _over(server: Server) -> Response:
    response = _shown(server, LinkOverPage(prefix=server.prefix), 410)
    server.cookies.clear_action(response)
    return response


def _no_mail(server: Server) -> Response:
    page = ErrorPage(
        prefix=server.prefix,
        title="This server sends no mail",
        sentence="Ask whoever runs it for a new password.",
        code="not_found",
        request_id=named(server.random(6)),
    )
    return show(server, page, status=404)


def _shown(server: Server, page: Page, status: int = 200) -> Response:
    response = show(server, page, status=status)
    response.headers["referrer-policy"] = "no-referrer"
    return response
