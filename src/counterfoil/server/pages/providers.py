"""To a provider and back: where people who sign in elsewhere come in (OpenID Connect Core §3.1.2).

What the provider writes into the address is never shown; each outcome has a sentence of ours.
"""

import logging
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.client.errors import NotTrusted
from counterfoil.net.http import HttpFailure
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import MAX_VALUE_LENGTH, Parameters
from counterfoil.server.documents.providers import redirect_uri_of
from counterfoil.server.identity.provider_sign_in import Coming, come_in
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.keys.sealing import NotSealed
from counterfoil.server.pages import linked
from counterfoil.server.pages.fresh_visit import fresh_person
from counterfoil.server.pages.known import known_in
from counterfoil.server.pages.onward import PROVIDERS, Onward, onward_in
from counterfoil.server.pages.provider_buttons import wants_anew, with_word
from counterfoil.server.pages.sign_in import let_in
from counterfoil.server.protocol.providers import secret_of
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.sentence import say
from counterfoil.server.upstream import asking, attempt
from counterfoil.server.upstream.arrival import Answered, Arrival, Asked
from counterfoil.server.upstream.attempt import Attempt
from counterfoil.server.web.browser import (
    Browser,
    browser_of,
    go,
    person_of,
    remember,
    signed_in_at,
)
from counterfoil.server.web.reading import origin_of, query_of
from counterfoil.server.web.server import Server

_LOG: Final = logging.getLogger(__name__)
_NONE: Final = say("There is no such provider here.")


class _Back(Struct, frozen=True):
    """Somebody who is back from a provider: what was begun there, and where it leads on."""

    browser: Browser
    provider: Provider
    begun: Attempt
    onward: Onward


async def start(server: Server, request: Request) -> Response:
    """``GET /sign-in/with/{provider}``: on to the provider."""
    given = query_of(request)
    onward = onward_in(server, request, given)
    provider = await _provider(server, request)
    is_there = await signed_in_at(server, request) is not None
    # Whoever is there is asked, always: a link elsewhere shall not make another of them in passing.
    silent = given.get("silent") == "yes" and provider.policy.silent and not is_there
    anew = not silent and (is_there or wants_anew(onward))
    began = _began(server, provider, onward.query, anew=anew)
    if silent:
        began = replace(began, silent=True)
    return await send(server, request, provider, began)


async def start_linking(server: Server, request: Request) -> Response:
    """``GET /account/providers/link/{provider}``: on to the provider, to link an account there."""
    person = await fresh_person(server, request, Onward(next=PROVIDERS))
    if isinstance(person, Response):
        return person
    provider = await _provider(server, request)
    began = _began(server, provider, "", anew=True)
    return await send(server, request, provider, replace(began, linking=person.session.id))


async def _provider(server: Server, request: Request) -> Provider:
    found = await _find(server, request.path_params["provider"])
    if found is None:
        raise OAuthError("access_denied", _NONE)
    return found


async def _find(server: Server, provider_id: str) -> Provider | None:
    found = await server.authority.store.read(lambda tx: tx.providers.find(provider_id))
    return found if found is not None and found.is_enabled else None


def _began(server: Server, provider: Provider, query: str, *, anew: bool) -> Attempt:
    now = int(server.clock())
    name, nonce, verifier = attempt.drawn(server.random(attempt.RANDOM_BYTES))
    return Attempt(
        id=name,
        provider_id=provider.id,
        nonce=nonce,
        code_verifier=verifier,
        at=now,
        query=query,
        since=now if anew else None,
    )


async def send(server: Server, request: Request, provider: Provider, began: Attempt) -> Response:
    """Send somebody to a provider, with what they have begun sealed to their browser."""
    browser, authority = browser_of(server, request), server.authority
    state = attempt.seal(authority.pending, began, browser.name)
    onward = _onward(server, request, began)
    if len(state) > MAX_VALUE_LENGTH:
        return _page(server, onward, "failed")
    wishes = asking.wishes(provider, began, authority.settings.session_lifetime)
    issuer = server.line.issuers.named(provider.issuer)
    try:
        exchange = asking.address(issuer, _asked(server, provider, began), state, wishes)
        url = await server.line.run(exchange)
    except (HttpFailure, NotSealed) as error:
        _LOG.warning("nobody can be sent to the provider %s: %s", provider.id, error)
        return _page(server, onward, "quiet" if began.silent else "failed")
    return remember(server, browser, go(url))


def _asked(server: Server, provider: Provider, began: Attempt) -> Asked:
    return Asked(
        provider=provider,
        secret=secret_of(server.authority.upstream, provider),
        redirect_uri=redirect_uri_of(server.authority.issuer, provider.id),
        nonce=began.nonce,
        code_verifier=began.code_verifier,
        since=began.since,
    )


def _onward(server: Server, request: Request, began: Attempt) -> Onward:
    return onward_in(server, request, Parameters.parse(began.query.removeprefix("?")))


def _page(server: Server, onward: Onward, word: str) -> Response:
    return go(f"{server.prefix}/sign-in{with_word(onward, word)}")


async def back(server: Server, request: Request) -> Response:
    """``GET /sign-in/from/{provider}``: an answer of the provider, in the browser that was sent.

    A provider that somebody was not sent to has an address of its own, and learns no code that way
    (RFC 9700 §4.4).
    """
    answer, browser = query_of(request), browser_of(server, request)
    began = attempt.unseal(server.authority.pending, answer.get("state") or "", browser.name)
    if began is None or began.provider_id != request.path_params["provider"]:
        return _page(server, Onward(), "over")
    source = source_of(origin_of(request, server.authority.settings.trusted_proxies).address)
    onward = _onward(server, request, began)
    if not server.sign_in_throttle.allows(source, server.clock()):
        return _page(server, onward, "busy")
    server.sign_in_throttle.count(source, server.clock())
    is_first = began.is_timely(server.clock()) and await server.authority.store.transact(
        began.use_up
    )
    provider = await _find(server, began.provider_id)
    if not is_first or provider is None:
        return _page(server, onward, "over")
    return await _redeem(server, request, _Back(browser, provider, began, onward), answer)


async def _redeem(server: Server, request: Request, came: _Back, answer: Parameters) -> Response:
    code = answer.get("code")
    if code is None or answer.get("error") is not None:
        return _refused(server, came)
    issuer = server.line.issuers.named(came.provider.issuer)
    answered = Answered(code, answer.get("iss"))
    try:
        asked = _asked(server, came.provider, came.begun)
        arrival = await server.line.run(asking.arrive(issuer, asked, answered, server.clock()))
    except (HttpFailure, NotTrusted, NotSealed) as error:
        _LOG.warning("nobody comes in from the provider %s: %s", came.provider.id, error)
        return _page(server, came.onward, "failed")
    return await _arrived(server, request, came, arrival)


def _refused(server: Server, came: _Back) -> Response:
    if came.begun.linking:
        return go(f"{server.prefix}/account/providers")
    return _page(server, came.onward, "quiet" if came.begun.silent else "refused")


async def _arrived(server: Server, request: Request, came: _Back, arrival: Arrival) -> Response:
    there = await signed_in_at(server, request)
    coming = Coming(
        provider=came.provider,
        arrival=arrival,
        origin=origin_of(request, server.authority.settings.trusted_proxies),
        current=there.session if there is not None else None,
        anew=came.begun.since is not None,
        silent=came.begun.silent,
        known=known_in(server, request),
    )
    if came.begun.linking:
        person = await person_of(server, request)
        if person is None or person.session.id != came.begun.linking:
            return _page(server, Onward(), "over")
        return linked.ask_to_link(server, person, coming)
    begun = await come_in(server.authority, coming)
    if begun is None:
        return _page(server, came.onward, "unknown")
    response = await let_in(server, request, came.browser, (begun, came.onward))
    server.cookies.set_provider(response, came.provider.id)
    return response
