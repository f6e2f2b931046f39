"""The authorization endpoint: it checks the request, then decides each next step (OAuth 2.1 §4.1).

Every page of the flow comes back to ``proceed``.
"""

from functools import partial
from urllib.parse import quote, urlencode

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import MAX_VALUE_LENGTH, Parameters
from counterfoil.server.protocol import approval, authorization_request, interaction, pending
from counterfoil.server.protocol.approval import Decision
from counterfoil.server.protocol.authorization_request import Denied
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, browser_of, go, in_use, person_in, remember
from counterfoil.server.web.flow import Flow, conclude, flow_in, next_in
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server


async def start(server: Server, request: Request) -> Response:
    """``GET /authorize``; a ``POST`` is sent on as a GET, for only that one carries cookies."""
    if request.method == "POST":
        form = await form_of(request)
        pairs = [*form.single.items(), *(("resource", uri) for uri in form.every("resource"))]
        return go(f"{server.prefix}/authorize?{urlencode(pairs)}")
    secret = server.cookies.session_of(request)
    arriving = partial(_arrive, server, query_of(request), secret)
    arrived = await server.authority.store.read(arriving)
    if isinstance(arrived, Denied):
        to = (arrived.asking.redirect_uri, arrived.asking.state)
        return go(approval.refusal(server.authority.issuer, *to, arrived.error))
    asked, browser = arrived.pending, browser_of(server, request)
    sealed = pending.seal(server.authority.pending, asked, browser.name)
    if len(sealed) > MAX_VALUE_LENGTH:
        to = (asked.redirect_uri, asked.state)
        return go(approval.refusal(server.authority.issuer, *to, _too_long()))
    answer = await _go_on(server, request, Flow(asked, sealed), arrived.there)
    return remember(server, browser, answer)


def _too_long() -> OAuthError:
    return invalid_request("The parameters state, nonce and login_hint are too long together.")


class _There(Struct, frozen=True):
    """Who is there, and what comes next for them."""

    person: Person | None
    step: interaction.Step


class _Arrived(Struct, frozen=True):
    """A request that may be gone on with, and who came with it."""

    pending: Pending
    there: _There


async def _arrive(
    server: Server, parameters: Parameters, secret: Secret | None, tx: Transaction
) -> _Arrived | Denied:
    """Read the request, and all that decides about its first step, in one look."""
    asked = await authorization_request.read(server.authority, tx, parameters)
    if isinstance(asked, Denied):
        return asked
    if secret is not None:
        asked = replace(asked, session=secret.fingerprint().hex())
    return _Arrived(asked, await _look(server, asked, secret, tx))


async def _look(server: Server, asked: Pending, secret: Secret | None, tx: Transaction) -> _There:
    person = await person_in(server, secret, tx)
    return _There(person, await next_in(server, asked, person, tx))


async def proceed(server: Server, request: Request) -> Response:
    """``GET /authorize/continue``: every page of the flow returns here."""
    flow = flow_in(server, request, query_of(request).get("flow"))
    secret = server.cookies.session_of(request)
    there = await server.authority.store.read(partial(_look, server, flow.pending, secret))
    return await _go_on(server, request, flow, there)


async def _go_on(server: Server, request: Request, flow: Flow, there: _There) -> Response:
    person = in_use(server, request, there.person)
    match there.step:
        case interaction.SignIn():
            return go(f"{server.prefix}/sign-in?flow={quote(flow.sealed)}")
        case interaction.SecondFactor():
            return go(f"{server.prefix}/sign-in/second-factor?flow={quote(flow.sealed)}")
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
