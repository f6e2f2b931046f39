"""Sign in, sign out: the handlers of these pages."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.acr import FIRST
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.passkey_sign_in import PasskeyAttempt, sign_in_by_passkey
from counterfoil.server.identity.passwords import TooBusy
from counterfoil.server.identity.session_start import NewSession, offers_choice
from counterfoil.server.identity.sign_in import Attempt, sign_in
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.pages.halves import SECOND_FACTOR_PATH, half_in, keep_half
from counterfoil.server.pages.known import known_in
from counterfoil.server.pages.leaving import leave
from counterfoil.server.pages.onward import Onward, enter, onward_in
from counterfoil.server.pages.passkey_forms import SCRIPT, answer_in, sign_in_form
from counterfoil.server.pages.passkey_views import PasskeyForm
from counterfoil.server.pages.provider_buttons import (
    buttons,
    enabled_providers,
    said_in,
    silent_way,
)
from counterfoil.server.pages.recalling import NOBODY, Greeting, recalled
from counterfoil.server.pages.remembered import forget_here, remembers
from counterfoil.server.pages.views import SignInPage
from counterfoil.server.protocol import authorization_request
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import (
    Browser,
    browser_of,
    go,
    person_of,
    remember,
    show,
    signed_in_at,
)
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.flow import Flow
from counterfoil.server.web.fresh import lacks_only_more
from counterfoil.server.web.headers import form_target_of
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_WRONG = say(
    "That did not work. Check the email and the password. "
    "After several failures an account pauses for a while."
)
_NO_PASSKEY = say(
    "That passkey did not work here, or the page had waited too long. "
    "Try again, or sign in with your password."
)
_TOUCHED = say(
    "A touch of the passkey alone does not sign you in here. Sign in with your password: then "
    "what else is needed is asked for."
)
_BUSY = say("Too many people are signing in at this moment. Wait a little and try again.")


class _Said(Struct, frozen=True):
    """What stands in the form, and what is said about the last attempt."""

    email: str
    error: str | None = None
    keep: bool = False
    greeted: str = ""


async def ask(server: Server, request: Request) -> Response:
    """``GET /sign-in``, with or without a flow to go on with.

    A browser that is remembered may be signed in here, and nowhere else (S24).
    """
    browser = browser_of(server, request)
    onward = onward_in(server, request, query_of(request))
    person = await person_of(server, request) if onward.next else None
    if person is not None and await lacks_only_more(server, person):
        return go(f"{server.prefix}/{SECOND_FACTOR_PATH}{onward.query}")
    half = half_in(server, request, browser)
    greeting = await recalled(server, request, onward) if half is None else NOBODY
    if isinstance(greeting, Response):
        return greeting
    providers = await enabled_providers(server)
    silent = await silent_way(server, request, providers, onward)
    if silent is not None and not greeting.error:
        return remember(server, browser, go(silent))
    is_half = half is not None and FIRST.isdisjoint(half.amr)
    error = _TOUCHED if is_half else greeting.error or said_in(query_of(request))
    response = await _page(server, browser, onward, _greeted(onward, greeting, error))
    if greeting.forgotten:
        server.cookies.clear_remembered(request, response)
    return remember(server, browser, response)


def _greeted(onward: Onward, greeting: Greeting, error: str | None) -> _Said:
    hint = (onward.flow.pending.login_hint or "") if onward.flow else ""
    is_known = bool(greeting.name)
    return _Said(hint or greeting.email, error, keep=is_known, greeted=greeting.name)


async def answer(server: Server, request: Request) -> Response:
    """``POST /sign-in``."""
    form = await form_of(request)
    browser = browser_of(server, request)
    demand_own_form(server.authority.keys.csrf, browser.name, form, request)
    onward = onward_in(server, request, form)
    return await _try(server, request, browser, (form, onward))


async def _try(
    server: Server, request: Request, browser: Browser, given: tuple[Parameters, Onward]
) -> Response:
    form, onward = given
    attempt = await _attempt(server, request, form)
    if not server.sign_in_throttle.allows(source_of(attempt.origin.address), server.clock()):
        return await _page(server, browser, onward, _said(attempt, _BUSY), 429)
    server.sign_in_throttle.count(source_of(attempt.origin.address), server.clock())
    try:
        signed_in = await sign_in(server.authority, server.passwords, attempt)
    except TooBusy:
        return await _page(server, browser, onward, _said(attempt, _BUSY), 503)
    if signed_in is None:
        return await _page(server, browser, onward, _said(attempt, _WRONG), 400)
    return await let_in(server, request, browser, (signed_in, onward))


async def answer_by_passkey(server: Server, request: Request) -> Response:
    """``POST /sign-in/passkey``: nothing but the browser's answer says who it is (S76)."""
    form = await form_of(request)
    browser = browser_of(server, request)
    demand_own_form(server.authority.keys.csrf, browser.name, form, request)
    onward = onward_in(server, request, form)
    keep = form.get("keep") == "yes"
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    if not server.sign_in_throttle.allows(source_of(origin.address), server.clock()):
        return await _page(server, browser, onward, _Said("", _BUSY, keep=keep), 429)
    server.sign_in_throttle.count(source_of(origin.address), server.clock())
    person = await signed_in_at(server, request)
    current = person.session if person else None
    known = known_in(server, request)
    shown = answer_in(form), browser.name, origin, current
    attempt = PasskeyAttempt(*shown, keep=keep, known=known)
    signed_in = await sign_in_by_passkey(server.authority, attempt, server.clock())
    if signed_in is None:
        return await _page(server, browser, onward, _Said("", _NO_PASSKEY, keep=keep), 400)
    return await let_in(server, request, browser, (signed_in, onward))


async def let_in(
    server: Server,
    request: Request,
    browser: Browser,
    signed_in: tuple[NewSession | HalfSignIn, Onward],
) -> Response:
    """Give somebody their session, or half a sign-in, and send them on."""
    begun, onward = signed_in
    if isinstance(begun, NewSession):
        response = await enter(server, request, begun, onward)
    else:
        response = go(f"{server.prefix}/{SECOND_FACTOR_PATH}{onward.query}")
        keep_half(server, browser, begun, response)
    server.cookies.clear_provider(request, response)
    return remember(server, browser, response)


async def _attempt(server: Server, request: Request, form: Parameters) -> Attempt:
    person = await signed_in_at(server, request)
    return Attempt(
        form.get("email") or "",
        Secret(form.get("password") or ""),
        origin_of(request, server.authority.settings.trusted_proxies),
        person.session if person else None,
        keep=form.get("keep") == "yes",
        known=known_in(server, request),
    )


def _said(attempt: Attempt, error: str) -> _Said:
    return _Said(attempt.email, error, keep=attempt.keep)


async def _page(
    server: Server,
    browser: Browser,
    onward: Onward,
    said: _Said,
    status: int = 200,
) -> Response:
    flow = onward.flow
    page = SignInPage(
        prefix=server.prefix,
        action=f"{server.prefix}/sign-in",
        csrf=csrf_token(server.authority.keys.csrf, browser.name),
        flow=flow.sealed if flow else "",
        fields=onward.fields,
        client_name=await _client_name(server, flow) if flow else None,
        email=said.email,
        error=said.error,
        offers_choice=offers_choice(server.authority.settings),
        remembers=remembers(server.authority.settings),
        keep=said.keep,
        greeted=said.greeted,
        offers_recovery=server.sender is not None,
        offers_registration=registers(server),
        passkey=_passkey_form(server, browser, onward),
        providers=buttons(server, await enabled_providers(server), onward),
    )
    target = form_target_of(flow.pending.redirect_uri) if flow else ""
    script = SCRIPT if page.passkey is not None else ""
    return show(server, page, status=status, form_target=target, script=script)


def _passkey_form(server: Server, browser: Browser, onward: Onward) -> PasskeyForm | None:
    flow = onward.flow
    carried = (("flow", flow.sealed),) if flow is not None else onward.fields
    return sign_in_form(server, browser, flow.pending if flow is not None else None, carried)


def registers(server: Server) -> bool:
    """Whether anybody may register here."""
    return server.authority.settings.registration == "open" and server.sender is not None


async def _client_name(server: Server, flow: Flow) -> str:
    async def work(tx: Transaction) -> str:
        client_id = flow.pending.client_id
        return (await authorization_request.known_client(tx, client_id)).client_name

    return await server.authority.store.read(work)


async def sign_out(server: Server, request: Request) -> Response:
    """``POST /account/sign-out``: ends this session and the apps that go on in it (S04, S39)."""
    form = await form_of(request)
    person = await signed_in_at(server, request)
    if person is None:
        response = go(f"{server.prefix}/signed-out")
        server.cookies.clear_session(response)
        await forget_here(server, request, response)
    else:
        demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
        response = await leave(server, request, person)
    server.cookies.clear_half(request, response)
    return response
