"""My account, email: another address is typed after a fresh sign-in, and proved by a link (S72)."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import email_change
from counterfoil.server.identity.email_change import CONFIRM_PATH, Confirmation, Wanted
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.joining_views import ConfirmEmailPage, EmailPage, EmailSentPage
from counterfoil.server.pages.onward import EMAIL, EMAIL_LINK, Onward, sign_in_first
from counterfoil.server.pages.recovery_views import LinkOverPage
from counterfoil.server.pages.views import EndedPage
from counterfoil.server.pages.visitor import (
    BUSY,
    OFTEN,
    comes_too_often,
    done_with_link,
    minutes_of,
    put_away,
    unreferred,
)
from counterfoil.server.protocol.action_tokens import Opened
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.registration import demand_email
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Origin
from counterfoil.server.web.browser import Person, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.language import reading_of
from counterfoil.server.web.reading import form_of, origin_of
from counterfoil.server.web.server import Server

PATH: Final = "/account/email"
_DAY: Final = 24 * 60 * 60
_NONE: Final = say("Type the new email address.")
_SAME: Final = say("This is the address that your account has.")
_NO_MAIL: Final = say("This server sends no mail. Ask whoever runs it for another address.")


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/email``."""
    person = await fresh_person(server, request, Onward(next=EMAIL))
    if isinstance(person, Response):
        return person
    return _form(server, person)


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/email``: sends a link to the new address, and changes nothing."""
    sent = await fresh_form(server, request, Onward(next=EMAIL))
    if isinstance(sent, Response):
        return sent
    person, form = sent.person, sent.form
    if server.sender is None:
        return _form(server, person, "", _NO_MAIL, 400)
    try:
        email = demand_email(form.get("email") or "")
    except OAuthError:
        return _form(server, person, "", _NONE, 400)
    if email == person.user.email:
        return _form(server, person, email, _SAME, 400)
    if comes_too_often(server, _origin(server, request), email):
        return _form(server, person, email, OFTEN, 429)
    wanted = Wanted(person.user.id, email, reading_of(server, request).language)
    if not await email_change.ask(server.authority, wanted):
        return _form(server, person, email, BUSY, 503)
    server.sender.wake()
    page = EmailSentPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        email=email,
        minutes=minutes_of(server),
    )
    return show(server, page)


async def open_link(server: Server, request: Request) -> Response:
    """``GET /account/email/confirm``: whoever is not signed in does that first."""
    response = put_away(server, request, CONFIRM_PATH)
    if response is not None:
        return response
    person = await person_of(server, request)
    if person is None:
        return sign_in_first(server, Onward(next=EMAIL_LINK))
    opened = await _opened(server, request, person)
    return _asking(server, person, opened) if opened is not None else _over(server)


async def confirm(server: Server, request: Request) -> Response:
    """``POST /account/email/confirm``: the one thing that spends the link."""
    form = await form_of(request)
    person, token = await person_of(server, request), server.cookies.action_of(request)
    if person is None:
        return sign_in_first(server, Onward(next=EMAIL_LINK))
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    opened = await _opened(server, request, person)
    if token is None or opened is None:
        return _over(server)
    if (form.get("new_email") or "") != opened.token.carries:
        return _asking(server, person, opened)  # another link was opened since
    origin, language = _origin(server, request), reading_of(server, request).language
    try:
        told = await email_change.confirm(
            server.authority, Confirmation(token, person.session, language, origin)
        )
    except Conflict:
        return _over(server)
    if told is None:
        return _over(server)
    if server.sender is not None:
        server.sender.wake()
    await server.authority.hub.catch_up()
    page = EndedPage(
        prefix=server.prefix,
        title=say("Your account has a new address"),
        sentence=say("It is {email} from now on. Sign in with it.", email=opened.token.carries),
        receipt=str(told.position),
        back=f"{server.prefix}/account/apps",
        back_title=say("Back to my account"),
    )
    return done_with_link(server, page)


async def _opened(server: Server, request: Request, person: Person) -> Opened | None:
    """Look at the link that was opened here; one of another account is none."""
    token: Secret | None = server.cookies.action_of(request)
    opened = await email_change.look(server.authority, token) if token is not None else None
    return opened if opened is not None and opened.user.id == person.user.id else None


def _origin(server: Server, request: Request) -> Origin:
    return origin_of(request, server.authority.settings.trusted_proxies)


def _form(
    server: Server, person: Person, email: str = "", error: str | None = None, status: int = 200
) -> Response:
    page = EmailPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}{PATH}",
        sentence=say(CONSEQUENCES[Cause.EMAIL_CHANGED].sentence),
        days=server.authority.settings.email_undo_lifetime // _DAY,
        email=email,
        error=error,
    )
    return show(server, page, status=status)


def _asking(server: Server, person: Person, opened: Opened) -> Response:
    page = ConfirmEmailPage(
        prefix=server.prefix,
        action=f"{server.prefix}{CONFIRM_PATH}",
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        user_email=person.user.email,
        email=opened.token.carries,
        sentence=say(CONSEQUENCES[Cause.EMAIL_CHANGED].sentence),
    )
    return unreferred(server, page)


def _over(server: Server) -> Response:
    page = LinkOverPage(prefix=server.prefix, again=PATH, again_title=say("Type the address again"))
    return done_with_link(server, page, 410)
