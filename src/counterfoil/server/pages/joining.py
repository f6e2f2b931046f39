"""Getting an account: an address is typed, the link in the mail opened, name and password chosen.

The same page takes invitations. To open the link spends nothing (S72), as in ``recovery``.
"""

from typing import Final
from urllib.parse import quote

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import joining
from counterfoil.server.identity.joining import LINK_PATH, Joined, Joining, Welcome, Wish
from counterfoil.server.identity.passwords import PasswordRefused, TooBusy
from counterfoil.server.pages.joining_views import (
    RegisterPage,
    RegisterSentPage,
    WelcomedPage,
    WelcomePage,
)
from counterfoil.server.pages.onward import Onward, set_session
from counterfoil.server.pages.sign_in import registers
from counterfoil.server.pages.views import ErrorPage
from counterfoil.server.pages.visitor import (
    BUSY,
    OFTEN,
    Visitor,
    comes_too_often,
    done_with_link,
    link_over,
    minutes_of,
    put_away,
    unreferred,
    visitor_of,
)
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.protocol.registration import demand_email
from counterfoil.server.records.action_token import Action
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import go, remember, show, signed_in_at
from counterfoil.server.web.csrf import demand_own_form
from counterfoil.server.web.flow import Flow, flow_in
from counterfoil.server.web.headers import form_target_of
from counterfoil.server.web.reading import form_of, query_of
from counterfoil.server.web.server import Server

REGISTER_PATH: Final = "/register"
_NONE: Final = say("Type an email address at which you read your mail.")
_NAME: Final = say("Say what you are called, in at most 100 characters.")


class _Given(Struct, frozen=True):
    """What stands in the form of a link, and the link."""

    token: Secret
    welcome: Welcome
    name: str


async def ask(server: Server, request: Request) -> Response:
    """``GET /register``, with or without a flow to go on with."""
    if not registers(server):
        return _closed(server)
    sealed = query_of(request).get("flow")
    flow = flow_in(server, request, sealed) if sealed else None
    visitor = visitor_of(server, request)
    page = _form(visitor, flow, (flow.pending.login_hint or "") if flow else "")
    return remember(server, visitor.browser, page)


async def answer(server: Server, request: Request) -> Response:
    """``POST /register``: the same answer for any address."""
    if not registers(server):
        return _closed(server)
    form, visitor = await form_of(request), visitor_of(server, request)
    demand_own_form(server.authority.keys.csrf, visitor.browser.name, form, request)
    sealed, typed = form.get("flow"), (form.get("email") or "").strip()
    flow = flow_in(server, request, sealed) if sealed else None
    try:
        email = demand_email(typed)
    except OAuthError:
        return _form(visitor, flow, "", _NONE, 400)
    if comes_too_often(server, visitor.origin, email):
        return _form(visitor, flow, email, OFTEN, 429)
    carried = flow.sealed if flow else ""
    wish = Wish(email, visitor.language, visitor.origin, carried)
    if not await joining.ask(server.authority, wish):
        return _form(visitor, flow, email, BUSY, 503)
    if server.sender is not None:
        server.sender.wake()
    query = f"?flow={quote(carried)}" if carried else ""
    page = RegisterSentPage(
        prefix=server.prefix,
        email=email,
        minutes=minutes_of(server),
        onward=f"{server.prefix}/sign-in{query}",
    )
    return unreferred(server, page)


async def open_link(server: Server, request: Request) -> Response:
    """``GET /welcome``: with a token it is put into a cookie; without, the page is shown."""
    response = put_away(server, request, LINK_PATH)
    if response is not None:
        return response
    given = await _given(server, request)
    if given is None:
        return _over(server)
    visitor = visitor_of(server, request)
    page = _choosing(visitor, given, _flow_of(server, request, given.welcome.flow))
    return remember(server, visitor.browser, page)


async def join(server: Server, request: Request) -> Response:
    """``POST /welcome``: the one thing that spends the link."""
    form, visitor = await form_of(request), visitor_of(server, request)
    demand_own_form(server.authority.keys.csrf, visitor.browser.name, form, request)
    given = await _given(server, request, (form.get("name") or "").strip())
    if given is None:
        return _over(server)
    flow = _flow_of(server, request, given.welcome.flow)
    wrong = visitor.wrong_in(form, given.token.fingerprint())
    if wrong is not None:
        return _choosing(visitor, given, flow, wrong, 400)
    try:
        joined = await _try(visitor, request, given, form)
    except PasswordRefused as refused:
        return _choosing(visitor, given, flow, refused.sentence, 400)
    except OAuthError:
        return _choosing(visitor, given, flow, _NAME, 400)
    except TooBusy:
        return _choosing(visitor, given, flow, BUSY, 503)
    except Conflict:
        return _taken(server)
    return await _joined(server, request, joined, flow) if joined else _over(server)


async def _try(
    visitor: Visitor, request: Request, given: _Given, form: Parameters
) -> Joined | None:
    server = visitor.server
    person = await signed_in_at(server, request)
    password, current = Secret(form.get("new") or ""), person.session if person else None
    asked = Joining(given.token, given.name, password, visitor.origin, current)
    return await joining.join(server.authority, server.passwords, asked)


async def _given(server: Server, request: Request, name: str | None = None) -> _Given | None:
    token = server.cookies.action_of(request)
    welcome = await joining.look(server.authority, token) if token is not None else None
    if token is None or welcome is None:
        return None
    return _Given(token, welcome, welcome.name if name is None else name)


def _flow_of(server: Server, request: Request, sealed: str) -> Flow | None:
    """Open what somebody goes on with; on another device, or too late, there is nothing."""
    try:
        return flow_in(server, request, sealed) if sealed else None
    except OAuthError:
        return None


async def _joined(server: Server, request: Request, joined: Joined, flow: Flow | None) -> Response:
    begun = joined.started
    if begun is None:
        response = go(f"{server.prefix}/sign-in{Onward(flow).query}")
    elif flow is not None:
        response = go(f"{server.prefix}/authorize/continue?flow={quote(flow.sealed)}")
    else:
        response = unreferred(server, WelcomedPage(prefix=server.prefix, user_email=joined.email))
    if begun is not None:
        await set_session(server, request, begun, response)
    server.cookies.clear_action(response)
    return response


def _form(
    visitor: Visitor, flow: Flow | None, email: str, error: str | None = None, status: int = 200
) -> Response:
    server = visitor.server
    page = RegisterPage(
        prefix=server.prefix,
        action=f"{server.prefix}{REGISTER_PATH}",
        csrf=visitor.csrf,
        flow=flow.sealed if flow else "",
        email=email,
        error=error,
    )
    return unreferred(server, page, status)


def _choosing(
    visitor: Visitor, given: _Given, flow: Flow | None, error: str | None = None, status: int = 200
) -> Response:
    server = visitor.server
    page = WelcomePage(
        prefix=server.prefix,
        action=f"{server.prefix}{LINK_PATH}",
        csrf=visitor.csrf,
        link=visitor.name_of(given.token.fingerprint()),
        user_email=given.welcome.email,
        name=given.name,
        invited=given.welcome.action is Action.ACCEPT_INVITATION,
        error=error,
    )
    target = form_target_of(flow.pending.redirect_uri) if flow else ""
    return unreferred(server, page, status, target=target)


def _over(server: Server) -> Response:
    return link_over(server, REGISTER_PATH if registers(server) else "")


def _taken(server: Server) -> Response:
    page = ErrorPage(
        prefix=server.prefix,
        title=say("There is an account already"),
        sentence=say("Whoever reads the mail of this address made it in the meantime. Sign in."),
        code="taken",
        request_id=named(server.random(6)),
    )
    return done_with_link(server, page, 409)


def _closed(server: Server) -> Response:
    page = ErrorPage(
        prefix=server.prefix,
        title=say("Nobody registers here"),
        sentence=say("Ask whoever runs this server for an account."),
        code="not_found",
        request_id=named(server.random(6)),
    )
    return show(server, page, status=404)
