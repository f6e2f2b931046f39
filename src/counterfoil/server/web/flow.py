"""An authorization under way in a browser: opened from the form that carries it, and concluded."""

from functools import partial
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol import approval, authorization_request, pending
from counterfoil.server.protocol.approval import Decision
from counterfoil.server.protocol.interaction import Step, asker_of, is_too_weak, next_step
from counterfoil.server.protocol.lifetimes import limits_in_force
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.protocol.second_factor_policy import (
    by_password,
    least_of_request,
    within_reach,
)
from counterfoil.server.records.client import Client
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, browser_of, go
from counterfoil.server.web.language import note_app
from counterfoil.server.web.server import Server


class Flow(Struct, frozen=True):
    """An authorization under way in this browser, and its sealed form."""

    pending: Pending
    sealed: str


def flow_in(server: Server, request: Request, sealed: str | None) -> Flow:
    """Open the flow that a page carries.

    Raises:
        OAuthError: it is not of this browser, or too old.
    """
    oldest = int(server.clock()) - server.authority.settings.pending_lifetime
    browser = browser_of(server, request)
    opened = pending.unseal(server.authority.pending, sealed, browser.name, oldest)
    note_app(request, opened.language, opened.requested_at)
    return Flow(opened, sealed or "")


async def next_of(server: Server, flow: Flow, person: Person | None) -> Step:
    """Say what comes next for whoever sits at this browser."""
    return await server.authority.store.read(partial(next_in, server, flow.pending, person))


async def next_in(server: Server, pending: Pending, person: Person | None, tx: Transaction) -> Step:
    """Say it within a transaction.

    Raises:
        OAuthError: the app is not known any more, or may not be answered there any more.
    """
    client = await _client_of(tx, pending)
    grant = await tx.grants.between(person.user.id, client.client_id) if person else None
    settings = server.authority.settings
    least = await least_of_request(tx, client, pending.access)
    asker = asker_of(client, pending, await limits_in_force(tx, settings), least)
    session = person.session if person else None
    if session is not None and is_too_weak(pending, asker, session):
        factors = await tx.second_factors.of_user(session.user_id)
        reach, anew = within_reach(settings, factors, least, session), by_password(factors, session)
        asker = replace(asker, reach=reach, anew=anew)
    return next_step(pending, asker, session, grant, tx.now)


async def _client_of(tx: Transaction, pending: Pending) -> Client:
    client = await authorization_request.known_client(tx, pending.client_id)
    if pending.redirect_uri:  # a device has none
        authorization_request.demand_redirect_to(client, pending.redirect_uri)
    return client


async def turn_back(server: Server, flow: Flow, error: OAuthError) -> Response:
    """Take an error back to the app (RFC 6749 §4.1.2.1), where it may still be answered.

    Raises:
        OAuthError: as ``next_in``.
    """
    pending = flow.pending
    await server.authority.store.read(partial(_demand_app, pending))
    issuer = server.authority.issuer
    return go(approval.refusal(issuer, pending.redirect_uri, pending.state, error))


async def _demand_app(pending: Pending, tx: Transaction) -> None:
    await _client_of(tx, pending)


async def conclude(server: Server, flow: Flow, decision: Decision) -> Response:
    """Approve what the person has just allowed, and take the code back to the app.

    What the decision rests on, the session or the permission, may have gone a moment ago. If it
    has, the flow goes on, and the person is asked.

    Raises:
        OAuthError: as ``next_in``.
    """

    async def work(tx: Transaction) -> str | None:
        await _client_of(tx, flow.pending)
        code = await approval.approve(server.authority, tx, flow.pending, decision)
        return approval.answer(server.authority.issuer, flow.pending, code) if code else None

    url = await server.authority.store.transact(work)
    return go(url or f"{server.prefix}/authorize/continue?flow={quote(flow.sealed)}")
