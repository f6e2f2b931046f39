"""Setting up an authenticator app: right after the password where it is demanded, or by choice."""

from urllib.parse import urlsplit

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import enrolment, totp
from counterfoil.server.identity.enrolment import Confirmation, Enrolled, Setup
from counterfoil.server.pages.factor_views import NewAuthenticatorPage, RecoveryCodesPage
from counterfoil.server.pages.halves import (
    AUTHENTICATOR_PATH,
    SECOND_FACTOR_PATH,
    Halfway,
    halfway_of,
)
from counterfoil.server.pages.onward import (
    AUTHENTICATOR,
    Onward,
    onward_in,
    set_session,
    sign_in_first,
)
from counterfoil.server.pages.qr import drawn
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.fresh_sign_in import is_fresh
from counterfoil.server.protocol.second_factor_policy import (
    adds_key,
    least_of_person,
    mailed_code_is_due,
)
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import Browser, browser_of, go, remember, show, signed_in_at
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_WRONG = say(
    "That did not work. Type the code that the app shows now, and see that its clock is right."
)
_KEEP = say(
    "If you lose your phone, each of these lets you in once, in place of a code. "
    "Keep them where you find them without it."
)


class _Visit(Struct, frozen=True):
    """Somebody sets an app up at a browser, and goes on from here."""

    browser: Browser
    halfway: Halfway
    onward: Onward

    @property
    def holder(self) -> str:
        """To whom the setup is sealed."""
        session, half = self.halfway.session, self.halfway.half
        return session.id if half is None and session is not None else self.browser.name


async def ask(server: Server, request: Request) -> Response:
    """``GET /sign-in/authenticator``."""
    visit = await _visit(server, request, query_of(request))
    if isinstance(visit, Response):
        return visit
    now = int(server.clock())
    setup = Setup(visit.halfway.user.id, server.random(totp.SECRET_BYTES), now)
    return _page(server, visit, setup)


async def answer(server: Server, request: Request) -> Response:
    """``POST /sign-in/authenticator``: the code that the new app shows."""
    form = await form_of(request)
    browser = browser_of(server, request)
    demand_own_form(server.authority.keys.csrf, browser.name, form, request)
    visit = await _visit(server, request, form)
    if isinstance(visit, Response):
        return visit
    sealed, now = form.get("setup") or "", int(server.clock())
    setup = enrolment.unseal(server.authority.authenticators, sealed, visit.holder, now)
    if setup is None:
        return go(f"{server.prefix}/{AUTHENTICATOR_PATH}{visit.onward.query}")
    enrolled = await _confirm(server, request, visit, (setup, form))
    if enrolled is None:
        return _page(server, visit, setup, _WRONG)
    await server.authority.hub.catch_up()
    response = show_codes(server, enrolled.codes, visit.onward.path)
    await set_session(server, request, enrolled.begun, response)
    return response


async def _visit(server: Server, request: Request, given: Parameters) -> _Visit | Response:
    """Find who may set one up here: nobody who has one, nor came in long ago, or by too little."""
    browser = browser_of(server, request)
    onward = onward_in(server, request, given)
    halfway = await halfway_of(server, request, browser)
    if halfway is None:
        return sign_in_first(server, onward)
    if halfway.factors.is_on:
        return go(f"{server.prefix}/{onward.path}")
    settings, session = server.authority.settings, halfway.session
    if halfway.half is not None:
        who = settings, halfway.user, halfway.factors, halfway.amr
        if mailed_code_is_due(*who):
            return go(f"{server.prefix}/{SECOND_FACTOR_PATH}{onward.query}")
        if least_of_person(settings, halfway.user) is None:
            # What was due is so no more, as codes by mail that were let go: it adds no app.
            return sign_in_first(server, onward)
        # It is as fresh as can be.
        if not halfway.factors.were_shown(halfway.amr, halfway.half.at):
            if not adds_key(halfway.factors, halfway.amr):
                return sign_in_first(server, onward)
            return go(f"{server.prefix}/{SECOND_FACTOR_PATH}{onward.query}")
    elif session is None or not is_fresh(settings, session, halfway.factors, int(server.clock())):
        return sign_in_first(server, onward if onward.flow else Onward(next=AUTHENTICATOR))
    return _Visit(browser, halfway, onward)


async def _confirm(
    server: Server, request: Request, visit: _Visit, given: tuple[Setup, Parameters]
) -> Enrolled | None:
    setup, form = given
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    person = await signed_in_at(server, request)
    current = person.session if person else None
    confirmation = Confirmation(setup, Secret(form.get("code") or ""), origin, current)
    half = visit.halfway.half
    if half is None:
        return await enrolment.enrol(server.authority, confirmation)
    return await enrolment.enrol_on_the_way(server.authority, half, confirmation)


def _page(server: Server, visit: _Visit, setup: Setup, error: str | None = None) -> Response:
    onward, email = visit.onward, visit.halfway.user.email
    place = urlsplit(server.authority.issuer).netloc
    page = NewAuthenticatorPage(
        prefix=server.prefix,
        action=f"{server.prefix}/{AUTHENTICATOR_PATH}",
        csrf=csrf_token(server.authority.keys.csrf, visit.browser.name),
        flow=onward.flow.sealed if onward.flow else "",
        fields=onward.fields,
        setup=enrolment.seal(server.authority.authenticators, setup, visit.holder),
        user_email=email,
        qr=drawn(totp.address_of(setup.secret, email, place)),
        secret=totp.spelled(setup.secret),
        sentence=say(CONSEQUENCES[Cause.SECOND_FACTOR_ADDED].sentence),
        demanded=visit.halfway.half is not None or onward.flow is not None,
        error=error,
    )
    return remember(server, visit.browser, show(server, page, status=400 if error else 200))


def show_codes(server: Server, codes: tuple[str, ...], onward: str) -> Response:
    """Show new recovery codes, this once. ``onward`` is below the prefix."""
    page = RecoveryCodesPage(prefix=server.prefix, codes=codes, onward=onward, sentence=_KEEP)
    return show(server, page)
