"""Signing in, the second page: a passkey, a code of the app or by mail, a recovery code (S105)."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.acr import MULTIPLE, PHISHING_RESISTANT, is_enough
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity.second_factor import Shown, finish, step_up
from counterfoil.server.identity.second_passkey import PasskeyShown, show_passkey
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.pages.factor_views import SecondFactorPage
from counterfoil.server.pages.halves import (
    AUTHENTICATOR_PATH,
    MAILED_CODE_PATH,
    SECOND_FACTOR_PATH,
    Halfway,
    halfway_of,
)
from counterfoil.server.pages.onward import Onward, enter, onward_in, sign_in_first
from counterfoil.server.pages.passkey_forms import SCRIPT, Fields, answer_in, second_form
from counterfoil.server.protocol.second_factor_policy import adds_key, takes_mailed_code
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import Browser, browser_of, go, remember, show, signed_in_at
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.flow import turn_back
from counterfoil.server.web.headers import form_target_of
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_WRONG = say(
    "That did not work. A code is good once, and for about half a minute. "
    "After several wrong codes the app's are not looked at for a while."
)
_NO_PASSKEY = say("That passkey did not work here, or the page had waited too long. Try again.")
_BUSY = say("Too many codes were tried from here. Wait a little and try again.")
_NONE = say("More than a password is demanded here, and this account has nothing more to show.")


class Visit(Struct, frozen=True):
    """Somebody who is to show more at a browser, and goes on from here."""

    browser: Browser
    halfway: Halfway
    onward: Onward

    @property
    def takes_codes(self) -> bool:
        """Whether a code is enough: not where the app wishes for a passkey, nor where one came."""
        flow, factors = self.onward.flow, self.halfway.factors
        least = flow.pending.least_acr if flow is not None else None
        wants_key = least == PHISHING_RESISTANT or is_enough(self.halfway.amr, MULTIPLE)
        return factors.authenticator and not (wants_key and adds_key(factors, self.halfway.amr))

    def takes_mailed_code(self, server: Server) -> bool:
        """Whether a code by mail leads on: not for a session, nor where the app wishes for more."""
        halfway, flow = self.halfway, self.onward.flow
        if halfway.half is None or halfway.half.held:
            return False
        least = flow.pending.least_acr if flow is not None else None
        leads_on = is_enough(halfway.amr, least) or not halfway.factors.has_any
        settings = server.authority.settings
        who = settings, halfway.user, halfway.factors, halfway.amr
        return leads_on and takes_mailed_code(*who)

    @property
    def carried(self) -> Fields:
        """What the form of the passkey carries along."""
        flow = self.onward.flow
        return (("flow", flow.sealed),) if flow is not None else self.onward.fields

    @property
    def other_account(self) -> str:
        """Where somebody else signs in. To where this person wanted, they are asked for more."""
        half_or_flow = self.halfway.half is not None or self.onward.flow is not None
        return f"sign-in{self.onward.query}" if half_or_flow else "sign-in"


_Try: TypeAlias = Callable[[Server, Request, Visit, Parameters], Awaitable[NewSession | None]]


async def ask(server: Server, request: Request) -> Response:
    """``GET /sign-in/second-factor``, with or without a flow to go on with."""
    visit = await visit_of(server, request, query_of(request))
    return visit if isinstance(visit, Response) else await _page(server, visit)


async def answer(server: Server, request: Request) -> Response:
    """``POST /sign-in/second-factor``: a code."""
    return await _answer(server, request, _try)


async def answer_by_passkey(server: Server, request: Request) -> Response:
    """``POST /sign-in/second-factor/passkey``: what the browser answers for a passkey."""
    return await _answer(server, request, _try_passkey)


async def _answer(server: Server, request: Request, attempt: _Try) -> Response:
    form = await form_of(request)
    browser = browser_of(server, request)
    demand_own_form(server.authority.keys.csrf, browser.name, form, request)
    visit = await visit_of(server, request, form)
    if isinstance(visit, Response):
        return visit
    address = source_of(origin_of(request, server.authority.settings.trusted_proxies).address)
    if not server.sign_in_throttle.allows(address, server.clock()):
        return await _page(server, visit, _BUSY, 429)
    server.sign_in_throttle.count(address, server.clock())
    begun = await attempt(server, request, visit, form)
    if begun is None:
        wrong = _NO_PASSKEY if attempt is _try_passkey else _WRONG
        return await _page(server, visit, wrong, 400)
    return await enter(server, request, begun, visit.onward)


async def visit_of(server: Server, request: Request, given: Parameters) -> Visit | Response:
    """Find who is to show what; others sign in first, or set something up."""
    browser = browser_of(server, request)
    onward = onward_in(server, request, given)
    halfway = await halfway_of(server, request, browser)
    if halfway is None:
        return sign_in_first(server, onward)
    visit = Visit(browser, halfway, onward)
    shows_factor = halfway.factors.authenticator or adds_key(halfway.factors, halfway.amr)
    if not shows_factor and not visit.takes_mailed_code(server):
        half = halfway.half
        if half is not None and not halfway.factors.were_shown(half.amr, half.at):
            # A touch, of somebody who has a password to begin with.
            return sign_in_first(server, onward)
        return await _nothing_to_show(server, onward)
    return visit


async def _try(
    server: Server, request: Request, visit: Visit, form: Parameters
) -> NewSession | None:
    halfway = visit.halfway
    typed = Secret(form.get("code") or form.get("recovery_code") or "")
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    if halfway.half is None:
        return await step_up(server.authority, Shown(typed, origin, halfway.session))
    person = await signed_in_at(server, request)
    shown = Shown(typed, origin, person.session if person else None)
    return await finish(server.authority, halfway.half, shown)


async def _try_passkey(
    server: Server, request: Request, visit: Visit, form: Parameters
) -> NewSession | None:
    halfway, current = visit.halfway, visit.halfway.session
    if halfway.half is not None:
        person = await signed_in_at(server, request)
        current = person.session if person else None
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    shown = PasskeyShown(answer_in(form), visit.browser.name, origin, current, halfway.half)
    return await show_passkey(server.authority, shown, server.clock())


async def _nothing_to_show(server: Server, onward: Onward) -> Response:
    """Let somebody set one up, or say that they cannot come in."""
    if server.authority.settings.second_factor_enrolment:
        return go(f"{server.prefix}/{AUTHENTICATOR_PATH}{onward.query}")
    error = OAuthError("unmet_authentication_requirements", _NONE)
    if onward.flow is None:
        raise error
    return await turn_back(server, onward.flow, error)


def _mail_action(server: Server) -> str:
    return f"{server.prefix}/{MAILED_CODE_PATH}/send"


async def _page(
    server: Server, visit: Visit, error: str | None = None, status: int = 200
) -> Response:
    browser, halfway, onward = visit.browser, visit.halfway, visit.onward
    passkey = await second_form(server, browser, halfway, visit.carried)
    page = SecondFactorPage(
        prefix=server.prefix,
        action=f"{server.prefix}/{SECOND_FACTOR_PATH}",
        csrf=csrf_token(server.authority.keys.csrf, browser.name),
        flow=onward.flow.sealed if onward.flow else "",
        fields=onward.fields,
        user_email=halfway.user.email,
        other_account=visit.other_account,
        authenticator=visit.takes_codes,
        passkey=passkey,
        mail=_mail_action(server) if visit.takes_mailed_code(server) else "",
        error=error,
    )
    target = form_target_of(onward.flow.pending.redirect_uri) if onward.flow else ""
    script = SCRIPT if passkey is not None else ""
    shown = show(server, page, status=status, form_target=target, script=script)
    return remember(server, browser, shown)
