"""A person lets a device in: types its code, sees who asks for what, and answers (RFC 8628 §3.3).

Coming with the code in the link (§3.3.1) saves the typing and nothing else: nobody is let in
before the person has compared it and said so (§5.4).
"""

from functools import partial
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth import user_code
from counterfoil.oauth.errors import TooManyRequests, invalid_request
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.halves import SECOND_FACTOR_PATH
from counterfoil.server.pages.onward import DEVICE, Onward, sign_in_first
from counterfoil.server.pages.permissions import (
    Asked,
    allowed_by,
    permissions_of,
    span_in,
    spans_of,
    what_is_asked,
)
from counterfoil.server.pages.views import DeviceConsentPage, DeviceDonePage, DevicePage
from counterfoil.server.pages.wording import ago, device_of, end_of, limits_of
from counterfoil.server.protocol import device_approval, events
from counterfoil.server.protocol.approval import Decision
from counterfoil.server.protocol.device_approval import Waiting
from counterfoil.server.protocol.device_authorization import PATH
from counterfoil.server.protocol.interaction import Refuse, SecondFactor, SignIn, Step
from counterfoil.server.protocol.rates import key_of
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.flow import next_in
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_REPEATABLE: Final = frozenset({"permission"})
_MOST_FIELDS: Final = 1024
_UNKNOWN = say(
    "No device waits under this code. Compare it; it may have expired, or been answered."
)
_PER_ADDRESS: Final = 6
"""So many people may share an address and type as fast as they may."""


class _Visit(Struct, frozen=True):
    """Somebody who is signed in, and from where they came."""

    server: Server
    person: Person
    origin: Origin


class _Found(Struct, frozen=True):
    """What a code names, as it is shown to one person, and what comes next for them."""

    waiting: Waiting
    asked: Asked
    step: Step


async def ask(server: Server, request: Request) -> Response:
    """``GET /device``, with the code or without."""
    typed = query_of(request).get("user_code")
    person = await person_of(server, request)
    if person is None:
        return _sign_in(server, typed)
    visit = _visit(server, request, person)
    return await _consent(visit, typed) if typed else _typing(visit)


async def answer(server: Server, request: Request) -> Response:
    """``POST /device``: a code was typed, or answered."""
    form = await form_of(request, _REPEATABLE, _MOST_FIELDS)
    typed = form.get("user_code")
    person = await person_of(server, request)
    if person is None:
        return _sign_in(server, typed)
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    visit = _visit(server, request, person)
    match form.get("decision"):
        case "find":
            return await _consent(visit, typed or "")
        case "allow":
            return await _allow(visit, typed or "", form)
        case "deny":
            return await _deny(visit, typed or "")
        case "switch":
            return _sign_in(server, typed)
    raise invalid_request("The parameter decision must be find, allow, deny or switch.")


def _visit(server: Server, request: Request, person: Person) -> _Visit:
    return _Visit(server, person, origin_of(request, server.authority.settings.trusted_proxies))


def _sign_in(server: Server, typed: str | None) -> Response:
    """Send somebody to sign in, and back here."""
    return sign_in_first(server, Onward(next=DEVICE, carried=typed or ""))


def _before(server: Server, found: _Found, typed: str) -> Response | None:
    """Send somebody to show what is missing first; ``None`` where nothing is.

    Raises:
        OAuthError: they have nothing that is as strong as is demanded.
    """
    match found.step:
        case SignIn():
            return _sign_in(server, typed)
        case SecondFactor():
            query = Onward(next=DEVICE, carried=typed).query
            return go(f"{server.prefix}/{SECOND_FACTOR_PATH}{query}")
        case Refuse(error):
            raise error
    return None


async def _find(visit: _Visit, typed: str) -> _Found | None:
    """Look a code up, as often as one may; every look is counted, so that guessing is hopeless.

    Raises:
        TooManyRequests: this person, or this address, tries too many.
    """
    server, now = visit.server, visit.server.clock()
    each = server.authority.settings.device_tries_per_minute
    rates = [(f"user {visit.person.user.id}", each)]
    if visit.origin.address:
        rates.append((f"from {key_of(visit.origin.address)!r}", each * _PER_ADDRESS))
    for key, per_minute in rates:
        wait = server.device_tries.take(key, now, per_minute)
        if wait:
            raise TooManyRequests(say("Too many codes were tried here; wait a minute."), wait)
    return await server.authority.store.read(partial(_look, visit, typed))


async def _look(visit: _Visit, typed: str, tx: Transaction) -> _Found | None:
    waiting = await device_approval.find(visit.server.authority, tx, typed)
    if waiting is None:
        return None
    asked = await what_is_asked(waiting.client.client_id, visit.person, tx)
    step = await next_in(visit.server, waiting.pending, visit.person, tx)
    return _Found(waiting, asked, step)


async def _consent(visit: _Visit, typed: str) -> Response:
    found = await _find(visit, typed)
    if found is None:
        return _typing(visit, _UNKNOWN)
    return _before(visit.server, found, typed) or _asking(visit, found, typed)


async def _allow(visit: _Visit, typed: str, form: Parameters) -> Response:
    span, found = span_in(form), await _find(visit, typed)
    if found is None:
        return _typing(visit, _UNKNOWN)
    waiting, authority = found.waiting, visit.server.authority
    before = _before(visit.server, found, typed)
    if before is not None:
        return before
    access = allowed_by(waiting.request.access, frozenset(form.every("permission")))
    if access.is_empty:
        return _asking(
            visit, found, typed, say("Choose at least one permission, or do not allow it.")
        )
    decision = Decision(visit.person.session, access, visit.origin, span)

    async def work(tx: Transaction) -> bool:
        return await device_approval.allow(authority, tx, waiting, decision)

    if not await authority.store.transact(work):
        return _sign_in(visit.server, typed)
    return _done(visit, waiting, allowed=True)


async def _deny(visit: _Visit, typed: str) -> Response:
    found = await _find(visit, typed)
    if found is None:
        return _typing(visit, _UNKNOWN)
    by = events.by_session(visit.person.session, visit.origin)

    async def work(tx: Transaction) -> None:
        await device_approval.deny(tx, found.waiting, by)

    await visit.server.authority.store.transact(work)
    return _done(visit, found.waiting, allowed=False)


def _typing(visit: _Visit, error: str | None = None) -> Response:
    server, person = visit.server, visit.person
    page = DevicePage(
        prefix=server.prefix,
        action=f"{server.prefix}{PATH}",
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        user_email=person.user.email,
        error=error,
    )
    return show(server, page, status=400 if error else 200)


def _asking(visit: _Visit, found: _Found, typed: str, error: str | None = None) -> Response:
    server, person, asked = visit.server, visit.person, found.waiting.request
    page = DeviceConsentPage(
        prefix=server.prefix,
        action=f"{server.prefix}{PATH}",
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        user_code=user_code.shown(user_code.read(typed) or ""),
        client_name=found.asked.client.client_name,
        user_email=person.user.email,
        permissions=permissions_of(asked.access, found.asked),
        limits=limits_of(asked.access),
        spans=spans_of(found.asked.grant),
        until=end_of(found.asked.grant),
        device=device_of(asked.origin.user_agent),
        place=asked.origin.address or say("an unknown address"),
        since=ago(asked.created_at, int(server.clock())),
        is_same_place=asked.origin.address == visit.origin.address != "",
        error=error,
    )
    return show(server, page, status=400 if error else 200)


def _done(visit: _Visit, waiting: Waiting, *, allowed: bool) -> Response:
    page = DeviceDonePage(
        prefix=visit.server.prefix, client_name=waiting.client.client_name, allowed=allowed
    )
    return show(visit.server, page)
