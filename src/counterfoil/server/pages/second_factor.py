"""Signing in, the second page: a code of the authenticator app, or a recovery code (S105)."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity.second_factor import Shown, finish, step_up
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.pages.factor_views import SecondFactorPage
from counterfoil.server.pages.halves import (
    AUTHENTICATOR_PATH,
    SECOND_FACTOR_PATH,
    Halfway,
    halfway_of,
)
from counterfoil.server.pages.onward import Onward, enter, onward_in, sign_in_first
from counterfoil.server.protocol import approval
from counterfoil.server.web.browser import Browser, browser_of, go, remember, show, signed_in_at
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.headers import form_target_of
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_WRONG = (
    "That did not work. A code is good once, and for about half a minute. "
    "After several wrong codes the app's are not looked at for a while."
)
_BUSY = "Too many codes were tried from here. Wait a little and try again."
_NONE = "More than a password is demanded here, and this account has nothing more to show."


async def ask(server: Server, request: Request) -> Response:
    """``GET /sign-in/second-factor``, with or without a flow to go on with."""
    browser = browser_of(server, request)
    onward = onward_in(server, request, query_of(request))
    halfway = await halfway_of(server, request, browser)
    if halfway is None:
        return sign_in_first(server, onward)
    if not halfway.factors.is_on:
        return _none_is_on(server, onward)
    return _page(server, browser, (halfway, onward))


async def answer(server: Server, request: Request) -> Response:
    """``POST /sign-in/second-factor``."""
    form = await form_of(request)
    browser = browser_of(server, request)
    demand_own_form(server.authority.keys.csrf, browser.name, form, request)
    onward = onward_in(server, request, form)
    halfway = await halfway_of(server, request, browser)
    if halfway is None:
        return sign_in_first(server, onward)
    if not halfway.factors.is_on:
        return _none_is_on(server, onward)
    address = source_of(origin_of(request, server.authority.settings.trusted_proxies).address)
    if not server.sign_in_throttle.allows(address, server.clock()):
        return _page(server, browser, (halfway, onward), _BUSY, 429)
    server.sign_in_throttle.count(address, server.clock())
    begun = await _try(server, request, halfway, form)
    if begun is None:
        return _page(server, browser, (halfway, onward), _WRONG, 400)
    return enter(server, request, begun, onward)


async def _try(
    server: Server, request: Request, halfway: Halfway, form: Parameters
) -> NewSession | None:
    typed = Secret(form.get("code") or form.get("recovery_code") or "")
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    if halfway.half is None:
        return await step_up(server.authority, Shown(typed, origin, halfway.session))
    person = await signed_in_at(server, request)
    shown = Shown(typed, origin, person.session if person else None)
    return await finish(server.authority, halfway.half, shown)


def _none_is_on(server: Server, onward: Onward) -> Response:
    """Let somebody set one up, or say that they cannot come in."""
    if server.authority.settings.second_factor_enrolment:
        return go(f"{server.prefix}/{AUTHENTICATOR_PATH}{onward.query}")
    error = OAuthError("unmet_authentication_requirements", _NONE)
    if onward.flow is None:
        raise error
    to = (onward.flow.pending.redirect_uri, onward.flow.pending.state)
    return go(approval.refusal(server.authority.issuer, *to, error))


def _page(
    server: Server,
    browser: Browser,
    asked: tuple[Halfway, Onward],
    error: str | None = None,
    status: int = 200,
) -> Response:
    halfway, onward = asked
    page = SecondFactorPage(
        prefix=server.prefix,
        action=f"{server.prefix}/{SECOND_FACTOR_PATH}",
        csrf=csrf_token(server.authority.keys.csrf, browser.name),
        flow=onward.flow.sealed if onward.flow else "",
        fields=onward.fields,
        user_email=halfway.user.email,
        other_account=f"sign-in{onward.query}",
        authenticator=halfway.factors.authenticator,
        error=error,
    )
    target = form_target_of(onward.flow.pending.redirect_uri) if onward.flow else ""
    return remember(server, browser, show(server, page, status=status, form_target=target))
