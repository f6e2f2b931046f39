"""The authorization endpoint: it checks the request, then decides each next step (OAuth 2.1 §4.1).

Every page of the flow comes back to ``proceed``.
"""

from functools import partial
from urllib.parse import quote, urlencode

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.parameters import MAX_VALUE_LENGTH, Parameters
from counterfoil.server.protocol import approval, authorization_request, interaction, pending
from counterfoil.server.protocol.approval import Decision
from counterfoil.server.protocol.authorization_request import Denied
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import browser_of, go, person_of, remember
from counterfoil.server.web.flow import Flow, conclude, flow_in, next_of
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server


async def start(server: Server, request: Request) -> Response:
    """``GET /authorize``; a ``POST`` is sent on as a GET, for only that one carries cookies."""
    if request.method == "POST":
        form = await form_of(request)
        pairs = [*form.single.items(), *(("resource", uri) for uri in form.every("resource"))]
        return go(f"{server.prefix}/authorize?{urlencode(pairs)}")
    parameters = query_of(request)
    asked = await server.authority.store.read(partial(_read, server, parameters))
    if isinstance(asked, Denied):
        to = (asked.asking.redirect_uri, asked.asking.state)
        return go(approval.refusal(server.authority.issuer, *to, asked.error))
    browser, session = browser_of(server, request), server.cookies.session_of(request)
    if session is not None:
        asked = replace(asked, session=session.fingerprint().hex())
    sealed = pending.seal(server.authority.pending, asked, browser.name)
    if len(sealed) > MAX_VALUE_LENGTH:
        to = (asked.redirect_uri, asked.state)
        return go(approval.refusal(server.authority.issuer, *to, _too_long()))
    return remember(server, browser, await _step(server, request, Flow(asked, sealed)))


def _too_long() -> OAuthError:
    return invalid_request("The parameters state, nonce and login_hint are too long together.")


async def _read(server: Server, parameters: Parameters, tx: Transaction) -> Pending | Denied:
    return await authorization_request.read(server.authority, tx, parameters)


async def proceed(server: Server, request: Request) -> Response:
    """``GET /authorize/continue``: every page of the flow returns here."""
    return await _step(server, request, flow_in(server, request, query_of(request).get("flow")))


async def _step(server: Server, request: Request, flow: Flow) -> Response:
    person = await person_of(server, request)
    match await next_of(server, flow, person):
        case interaction.SignIn():
            return go(f"{server.prefix}/sign-in?flow={quote(flow.sealed)}")
        case interaction.Consent():
            return go(f"{server.prefix}/consent?flow={quote(flow.sealed)}")
        case interaction.Refuse(error):
            to = (flow.pending.redirect_uri, flow.pending.state)
            return go(approval.refusal(server.authority.issuer, *to, error))
        case interaction.Approve() if person is not None:
            origin = origin_of(request, server.authority.settings.trusted_proxies)
            decision = Decision(person.session, flow.pending.access, origin, asked=False)
            return await conclude(server, flow, decision)
    raise AssertionError("nobody is approved for without being there")
