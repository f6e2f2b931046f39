"""Consent: a person says whether, and what, an app may do (S10, S14; RFC 9700 §4.13)."""

from functools import partial
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.permissions import (
    allowed_by,
    permissions_of,
    span_in,
    spans_of,
    what_is_asked,
)
from counterfoil.server.pages.views import ConsentPage
from counterfoil.server.pages.wording import end_of, limits_of
from counterfoil.server.protocol import events
from counterfoil.server.protocol.approval import Decision
from counterfoil.server.protocol.interaction import Approve, Consent, returns_locally
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.flow import Flow, conclude, flow_in, next_of, turn_back
from counterfoil.server.web.headers import form_target_of
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_REPEATABLE = frozenset({"permission"})
_MOST_FIELDS = 1024  # every permission that the page shows comes back


async def ask(server: Server, request: Request) -> Response:
    """``GET /consent``."""
    flow = flow_in(server, request, query_of(request).get("flow"))
    person = await person_of(server, request)
    if person is None or not isinstance(await next_of(server, flow, person), Consent):
        return _back(server, flow)
    return await _page(server, flow, person)


async def answer(server: Server, request: Request) -> Response:
    """``POST /consent``: allow, deny, or switch to another account."""
    form = await form_of(request, _REPEATABLE, _MOST_FIELDS)
    flow = flow_in(server, request, form.get("flow"))
    person = await person_of(server, request)
    if person is None:
        return _back(server, flow)
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    match form.get("decision"):
        case "allow":
            return await _allow(server, request, (flow, person), form)
        case "deny":
            return await _deny(server, request, flow, person)
        case "switch":
            return go(f"{server.prefix}/sign-in?flow={quote(flow.sealed)}")
    raise invalid_request("The parameter decision must be allow, deny or switch.")


def _back(server: Server, flow: Flow) -> Response:
    return go(f"{server.prefix}/authorize/continue?flow={quote(flow.sealed)}")


async def _allow(
    server: Server, request: Request, asked: tuple[Flow, Person], form: Parameters
) -> Response:
    flow, person = asked
    span = span_in(form)
    access = allowed_by(flow.pending.access, frozenset(form.every("permission")))
    if access.is_empty:
        error = say("Choose at least one permission, or do not allow the app.")
        return await _page(server, flow, person, error)
    if not isinstance(await next_of(server, flow, person), Consent | Approve):
        return _back(server, flow)
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    return await conclude(server, flow, Decision(person.session, access, origin, span))


async def _deny(server: Server, request: Request, flow: Flow, person: Person) -> Response:
    error = OAuthError("access_denied", "The person did not allow it.")
    response = await turn_back(server, flow, error)
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_session(person.session, origin)
    await server.authority.store.transact(partial(_note_refusal, flow.pending.client_id, by))
    return response


async def _note_refusal(client_id: str, by: events.Actor, tx: Transaction) -> None:
    await events.record(tx, EventKind.CONSENT_REFUSED, by, client_id)


async def _page(server: Server, flow: Flow, person: Person, error: str | None = None) -> Response:
    asked = await server.authority.store.read(
        partial(what_is_asked, flow.pending.client_id, person)
    )
    pending = flow.pending
    parts = urlsplit(pending.redirect_uri)
    page = ConsentPage(
        prefix=server.prefix,
        action=f"{server.prefix}/consent",
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        flow=flow.sealed,
        client_name=asked.client.client_name,
        return_host=parts.netloc or f"{parts.scheme}:",
        return_is_local=returns_locally(pending.redirect_uri),
        user_email=person.user.email,
        permissions=permissions_of(pending.access, asked),
        limits=limits_of(pending.access),
        spans=spans_of(asked.grant),
        until=end_of(asked.grant),
        error=error,
    )
    status = 400 if error else 200
    target = form_target_of(pending.redirect_uri)
    return show(server, page, status=status, form_target=target)
