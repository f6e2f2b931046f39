"""The authorization endpoint: it checks the request, then decides each next step (OAuth 2.1 §4.1).

Every page of the flow comes back to ``proceed``.
"""

from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import approval, authorization_request, interaction, pending
from counterfoil.server.protocol.approval import Decision
from counterfoil.server.protocol.authorization_request import Denied
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction, Work
from counterfoil.server.web.browser import (
    Person,
    browser_of,
    go,
    in_use,
    person_in,
    remember,
    session_named,
)
from counterfoil.server.web.flow import flow_in, next_in
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

T = TypeVar("T")

_PAGES: Final = MappingProxyType(
    {
        interaction.SignIn: "sign-in",
        interaction.SecondFactor: "sign-in/second-factor",
        interaction.Consent: "consent",
    }
)
"""Where each step is taken for which somebody has to be asked."""


async def start(server: Server, request: Request) -> Response:
    """``GET /authorize``; a ``POST`` is sent on as a GET, for only that one carries cookies."""
    if request.method == "POST":
        form = await form_of(request)
        pairs = [*form.single.items(), *(("resource", uri) for uri in form.every("resource"))]
        return go(f"{server.prefix}/authorize?{urlencode(pairs)}")
    visitor = _visitor(server, request)
    arrived = await _run(server, visitor, partial(_arrive, server, query_of(request), visitor))
    if isinstance(arrived, Denied):
        to = (arrived.asking.redirect_uri, arrived.asking.state)
        return go(approval.refusal(server.authority.issuer, *to, arrived.error))
    answer = _answer(server, request, arrived)
    if answer is not None:
        return answer
    browser = browser_of(server, request)
    sealed = pending.seal(server.authority.pending, arrived.pending, browser.name)
    return remember(server, browser, _ask(server, arrived.there, sealed))


class _Visitor(Struct, frozen=True):
    """Whoever comes: in which session, by the SHA-256 of its secret, if any; and from where."""

    session: bytes
    origin: Origin


def _visitor(server: Server, request: Request) -> _Visitor:
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    return _Visitor(session_named(server, request), origin)


async def _run(server: Server, visitor: _Visitor, work: Work[T]) -> T:
    """Run a work that may make a code, where somebody may be signed in; else it only reads.

    Whoever is not asked changes no permission: as many codes are made at once as there are.
    """
    if not visitor.session:
        return await server.authority.store.read(work)
    return await server.authority.store.transact(work, beside=True)


class _There(Struct, frozen=True):
    """Who is there, and what comes next for them; where they go with a code, if that is it."""

    person: Person | None
    step: interaction.Step
    url: str = ""


class _Arrived(Struct, frozen=True):
    """A request that may be gone on with, and who came with it."""

    pending: Pending
    there: _There


async def _arrive(
    server: Server, parameters: Parameters, visitor: _Visitor, tx: Transaction
) -> _Arrived | Denied:
    """Read the request, decide about its first step, and take it where nobody has to be asked."""
    came = visitor.session.hex()
    asked = await authorization_request.read(server.authority, tx, parameters, came)
    if isinstance(asked, Denied):
        return asked
    return _Arrived(asked, await _look(server, asked, visitor, tx))


async def _look(server: Server, asked: Pending, visitor: _Visitor, tx: Transaction) -> _There:
    person = await person_in(server, visitor.session, tx)
    step = await next_in(server, asked, person, tx)
    if person is None or not isinstance(step, interaction.Approve):
        return _There(person, step)
    authority = server.authority
    decision = Decision(person.session, asked.access, visitor.origin)
    code = await approval.give_code(authority, tx, asked, decision, step.grant)
    return _There(person, step, approval.answer(authority.issuer, asked, code))


async def proceed(server: Server, request: Request) -> Response:
    """``GET /authorize/continue``: every page of the flow returns here."""
    flow = flow_in(server, request, query_of(request).get("flow"))
    visitor = _visitor(server, request)
    there = await _run(server, visitor, partial(_look, server, flow.pending, visitor))
    answer = _answer(server, request, _Arrived(flow.pending, there))
    return _ask(server, there, flow.sealed) if answer is None else answer


def _answer(server: Server, request: Request, arrived: _Arrived) -> Response | None:
    """Send the browser back to the app; ``None`` where somebody has to be asked first."""
    asked, there = arrived.pending, arrived.there
    in_use(server, request, there.person)
    if isinstance(there.step, interaction.Refuse):
        to = (asked.redirect_uri, asked.state)
        return go(approval.refusal(server.authority.issuer, *to, there.step.error))
    return go(there.url) if there.url else None


def _ask(server: Server, there: _There, sealed: str) -> Response:
    """Send the browser to the page for the next step; ``sealed`` carries the request there."""
    return go(f"{server.prefix}/{_PAGES[type(there.step)]}?flow={quote(sealed)}")
