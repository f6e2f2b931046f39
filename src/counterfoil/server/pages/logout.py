"""Logout that an app asks for, over HTTP (OpenID Connect RP-Initiated Logout 1.0 §2, §3)."""

from functools import partial
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity.remembering import Shown
from counterfoil.server.pages.leaving import leave
from counterfoil.server.pages.remembered import forget_here, shown_in
from counterfoil.server.pages.views import LogoutPage
from counterfoil.server.protocol import logout
from counterfoil.server.protocol.logout import LogoutRequest
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import browser_of, go, show, signed_in_at
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.headers import form_target_of
from counterfoil.server.web.reading import form_of, query_of
from counterfoil.server.web.server import Server

FIELDS = ("client_id", "id_token_hint", "post_logout_redirect_uri", "state")


async def ask(server: Server, request: Request) -> Response:
    """``GET /logout``; without a matching ID token the person is asked first."""
    parameters = query_of(request)
    asked = await server.authority.store.read(partial(_read, server, parameters))
    person = await signed_in_at(server, request)
    if person is None:
        return await _nobody(server, request, asked, parameters)
    if not asked.means(person.session):
        return _page(server, person.session.id, asked, parameters)
    return await leave(server, request, person, asked.return_to or "")


async def answer(server: Server, request: Request) -> Response:
    """``POST /logout``: a person's answer. An app's POST goes on as a GET: it carries no cookie."""
    form = await form_of(request)
    if form.get("decision") is None:
        return go(f"{server.prefix}/logout?{urlencode(_fields_of(form))}")
    if form.get("decision") != "logout":
        return go(f"{server.prefix}/account/apps")
    asked = await server.authority.store.read(partial(_read, server, form))
    person = await signed_in_at(server, request)
    if person is None:
        return await _nobody_answered(server, request, asked, form)
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    return await leave(server, request, person, asked.return_to or "")


def _fields_of(parameters: Parameters) -> tuple[tuple[str, str], ...]:
    given = ((name, parameters.get(name)) for name in FIELDS)
    return tuple((name, value) for name, value in given if value is not None)


async def _read(server: Server, parameters: Parameters, tx: Transaction) -> LogoutRequest:
    return await logout.read(server.authority, tx, parameters)


async def _nobody(
    server: Server, request: Request, asked: LogoutRequest, parameters: Parameters
) -> Response:
    """Nobody is signed in; but the browser may be remembered, and is so no more after a logout."""
    shown = shown_in(server, request)
    user_id = None
    if shown is not None:
        user_id = await server.authority.store.read(partial(_remembered_for, shown))
    if user_id is not None and (asked.hint is None or asked.hint.sub != user_id):
        return _page(server, browser_of(server, request).name, asked, parameters)
    response = _onward(server, asked)
    await forget_here(server, request, response)
    return response


async def _nobody_answered(
    server: Server, request: Request, asked: LogoutRequest, form: Parameters
) -> Response:
    """Take the answer of a browser that is only remembered; a page from before is shown anew."""
    try:
        browser = browser_of(server, request)
        demand_own_form(server.authority.keys.csrf, browser.name, form, request)
    except OAuthError:
        return await _nobody(server, request, asked, form)
    response = _onward(server, asked)
    await forget_here(server, request, response)
    return response


async def _remembered_for(shown: Shown, tx: Transaction) -> str | None:
    found = await tx.remembered_browsers.find(shown.token.remembered_id)
    return found.user_id if found is not None and found.browser == shown.browser else None


def _page(server: Server, holder: str, asked: LogoutRequest, parameters: Parameters) -> Response:
    page = LogoutPage(
        prefix=server.prefix,
        action=f"{server.prefix}/logout",
        csrf=csrf_token(server.authority.keys.csrf, holder),
        client_name=asked.client.client_name if asked.client else None,
        fields=_fields_of(parameters),
    )
    target = form_target_of(asked.return_to) if asked.return_to else ""
    return show(server, page, form_target=target)


def _onward(server: Server, asked: LogoutRequest) -> Response:
    return go(asked.return_to or f"{server.prefix}/signed-out")
