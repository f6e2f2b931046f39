"""Signing in, by a code by mail: asked for on the second page, and typed here (ASVS V6.6.2).

No mail leaves before somebody asks for it by a form, having shown the first step in this browser.
"""

from types import MappingProxyType
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import mailed_code_sign_in
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.mailed_code import Sent
from counterfoil.server.identity.second_factor import Shown
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.pages.factor_views import MailedCodePage
from counterfoil.server.pages.halves import (
    AUTHENTICATOR_PATH,
    MAILED_CODE_PATH,
    SECOND_FACTOR_PATH,
    keep_half,
)
from counterfoil.server.pages.onward import enter
from counterfoil.server.pages.second_factor import Visit, visit_of
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import browser_of, go, remember, show, signed_in_at
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.headers import form_target_of
from counterfoil.server.web.language import reading_of
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

WRONG: Final = say(
    "That did not work. A code is good once, for ten minutes, and a newer one ends it. "
    "After several wrong codes none is looked at for a while."
)
NOT_SENT: Final = MappingProxyType(
    {
        Sent.OFTEN: say("Too many codes were sent in this hour. Wait, or show something else."),
        Sent.BUSY: say("Too many people are asking at this moment. Wait a little and try again."),
    }
)
_TRIED: Final = say("Too many codes were tried from here. Wait a little and try again.")


async def ask(server: Server, request: Request) -> Response:
    """``GET /sign-in/mailed-code``: where the code is typed. It sends nothing."""
    visit = await _visit(server, request, query_of(request))
    return visit if isinstance(visit, Response) else _page(server, visit)


async def send(server: Server, request: Request) -> Response:
    """``POST /sign-in/mailed-code/send``: sends a code."""
    came = await _came(server, request)
    if isinstance(came, Response):
        return came
    visit, half = came.visit, came.half
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    language = reading_of(server, request).language
    sent = await mailed_code_sign_in.send(server.authority, half, origin, language)
    if sent in NOT_SENT:
        return _page(server, visit, NOT_SENT[sent], 429 if sent is Sent.OFTEN else 503)
    if sent is Sent.OVER:
        return _elsewhere(server, visit)
    if server.sender is not None:
        server.sender.wake()
    return go(f"{server.prefix}/{MAILED_CODE_PATH}{visit.onward.query}")


async def answer(server: Server, request: Request) -> Response:
    """``POST /sign-in/mailed-code``: the code."""
    came = await _came(server, request)
    if isinstance(came, Response):
        return came
    visit, half = came.visit, came.half
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    address = source_of(origin.address)
    if not server.sign_in_throttle.allows(address, server.clock()):
        return _page(server, visit, _TRIED, 429)
    server.sign_in_throttle.count(address, server.clock())
    person = await signed_in_at(server, request)
    shown = Shown(Secret(came.form.get("code") or ""), origin, person.session if person else None)
    begun = await mailed_code_sign_in.finish(server.authority, half, shown)
    if begun is None:
        return _page(server, visit, WRONG, 400)
    if isinstance(begun, HalfSignIn):
        response = go(f"{server.prefix}/{AUTHENTICATOR_PATH}{visit.onward.query}")
        keep_half(server, visit.browser, begun, response)
        return remember(server, visit.browser, response)
    return await enter(server, request, begun, visit.onward)


class _Came(Struct, frozen=True):
    """A form of this browser, and the half sign-in for which it came."""

    form: Parameters
    visit: Visit
    half: HalfSignIn


async def _came(server: Server, request: Request) -> _Came | Response:
    """Read a form; others go on where they are asked for something else."""
    form = await form_of(request)
    browser = browser_of(server, request)
    demand_own_form(server.authority.keys.csrf, browser.name, form, request)
    visit = await _visit(server, request, form)
    if isinstance(visit, Response):
        return visit
    half = visit.halfway.half
    return _elsewhere(server, visit) if half is None else _Came(form, visit, half)


async def _visit(server: Server, request: Request, given: Parameters) -> Visit | Response:
    """Find who may have a code sent; others go on where they are asked for something else."""
    visit = await visit_of(server, request, given)
    if isinstance(visit, Response) or visit.takes_mailed_code(server):
        return visit
    return _elsewhere(server, visit)


def _elsewhere(server: Server, visit: Visit) -> Response:
    return go(f"{server.prefix}/{SECOND_FACTOR_PATH}{visit.onward.query}")


def _page(server: Server, visit: Visit, error: str | None = None, status: int = 200) -> Response:
    onward, path = visit.onward, f"{server.prefix}/{MAILED_CODE_PATH}"
    page = MailedCodePage(
        prefix=server.prefix,
        action=path,
        again=f"{path}/send",
        csrf=csrf_token(server.authority.keys.csrf, visit.browser.name),
        flow=onward.flow.sealed if onward.flow else "",
        fields=onward.fields,
        user_email=visit.halfway.user.email,
        back=f"{SECOND_FACTOR_PATH}{onward.query}",
        back_title=say("Show something else"),
        error=error,
    )
    target = form_target_of(onward.flow.pending.redirect_uri) if onward.flow else ""
    return remember(server, visit.browser, show(server, page, status=status, form_target=target))
