"""My account, password: the old one is asked for, and what ends with it is said before (S38)."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity.password_change import Changed, PasswordChange, change_password
from counterfoil.server.identity.passwords import PasswordRefused, TooBusy
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.pages.ending import ended_sentence
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.known import keep_known, known_in
from counterfoil.server.pages.onward import PASSWORD, Onward
from counterfoil.server.pages.views import EndedPage, PasswordPage
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import Person, go, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server

WRONG = say(
    "That did not work. Check your present password. "
    "After several failures an account pauses for a while."
)
BUSY = say("Too many passwords are being tried at this moment. Wait a little and try again.")
DIFFERENT = say("The two new passwords are not the same.")


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/password``."""
    person = await fresh_person(server, request, Onward(next=PASSWORD))
    if isinstance(person, Response):
        return person
    if not person.user.has_password:
        return go(f"{server.prefix}/forgotten-password")  # the first one is chosen by a mail
    return _page(server, person)


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/password``."""
    sent = await fresh_form(server, request, Onward(next=PASSWORD))
    if isinstance(sent, Response):
        return sent
    person, form = sent.person, sent.form
    if (form.get("new") or "") != (form.get("again") or ""):
        return _page(server, person, DIFFERENT, 400)
    address = origin_of(request, server.authority.settings.trusted_proxies).address
    if not server.sign_in_throttle.allows(source_of(address), server.clock()):
        return _page(server, person, BUSY, 429)
    server.sign_in_throttle.count(source_of(address), server.clock())
    return await _try(server, request, person, _change(server, request, person, form))


def _change(server: Server, request: Request, person: Person, form: Parameters) -> PasswordChange:
    return PasswordChange(
        person.session,
        Secret(form.get("current") or ""),
        Secret(form.get("new") or ""),
        origin_of(request, server.authority.settings.trusted_proxies),
        known=known_in(server, request),
    )


async def _try(
    server: Server, request: Request, person: Person, change: PasswordChange
) -> Response:
    try:
        changed = await change_password(server.authority, server.passwords, change)
    except PasswordRefused as error:
        return _page(server, person, error.sentence, 400)
    except TooBusy:
        return _page(server, person, BUSY, 503)
    if changed is None:
        return _page(server, person, WRONG, 400)
    await server.authority.hub.catch_up()
    return _changed(server, request, changed)


def _changed(server: Server, request: Request, changed: Changed) -> Response:
    ending = changed.ending
    page = EndedPage(
        prefix=server.prefix,
        title=say("The password has been changed"),
        sentence=ended_sentence(ending)
        if ending.ended
        else say("You were signed in nowhere else."),
        receipt=str(ending.position),
        back=f"{server.prefix}/account/security",
        back_title=say("Back to my account"),
    )
    return renew_cookie(server, request, changed, show(server, page))


def renew_cookie(
    server: Server, request: Request, changed: Changed, response: Response
) -> Response:
    """Give the browser the new secret of its session, for as long as it had the one before.

    What the browser was known by has gone with the password: it is known anew.
    """
    idle = server.authority.settings.session_idle_lifetime
    lifetime = changed.session.cookie_lifetime(changed.session.auth_time, idle)
    server.cookies.set_session(response, changed.secret, lifetime)
    keep_known(server, request, response, changed.session, changed.generation)
    return response


def _page(server: Server, person: Person, error: str | None = None, status: int = 200) -> Response:
    page = PasswordPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/password",
        sentence=say(CONSEQUENCES[Cause.PASSWORD_CHANGED].sentence),
        error=error,
    )
    return show(server, page, status=status)
