"""My account, security: having codes sent by mail, and choosing otherwise."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import mailed_code_choice
from counterfoil.server.identity.mailed_code import Sent
from counterfoil.server.identity.second_factor import Shown
from counterfoil.server.pages.account_views import SecurityRow
from counterfoil.server.pages.factor_views import MailedCodePage
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.mailed_code import NOT_SENT, WRONG
from counterfoil.server.pages.onward import SECURITY, Onward, enter
from counterfoil.server.pages.views import EndPage
from counterfoil.server.pages.wording import day_of
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings
from counterfoil.server.web.browser import Person, go, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.language import reading_of
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server

_ROOM: Final = "account/security"
_PATH: Final = f"{_ROOM}/mailed-codes"
_ONWARD: Final = Onward(next=SECURITY)


def section_in(
    settings: Settings,
) -> Callable[[Transaction, User], Coroutine[Any, Any, SecurityRow | None]]:
    """Give what says how it stands with a person, where this place lets people choose it."""
    return partial(_section, settings.mailed_codes)


async def _section(sends: bool, tx: Transaction, user: User) -> SecurityRow | None:
    factors = await tx.second_factors.of_user(user.id)
    if not sends:
        return None
    if factors.mailed_since is None:
        return SecurityRow(
            title=say("Codes by mail"),
            state=say(
                "Off. Whoever reads your mail can choose a new password too: an app or a passkey "
                "is safer. A new password that was chosen by mail switches them off."
            ),
            path="security/mailed-codes",
            verb=say("Have codes sent"),
        )
    day = day_of(factors.mailed_since)
    return SecurityRow(
        title=say("Codes by mail"),
        state=say("On since {day}. After your password you can have a code sent.", day=day),
        path="security/mailed-codes/off",
        verb=say("Have no codes sent"),
    )


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/security/mailed-codes``: says what follows."""
    person = await fresh_person(server, request, _ONWARD)
    if isinstance(person, Response):
        return person
    factors = await server.authority.store.read(partial(_factors, person.user.id))
    is_over = factors.mailed_since is not None or not server.authority.settings.mailed_codes
    return _asking(server, person, Cause.MAILED_CODES_ADDED, nothing=is_over)


async def send(server: Server, request: Request) -> Response:
    """``POST /account/security/mailed-codes``: sends the first code, and switches nothing on."""
    sent_form = await fresh_form(server, request, _ONWARD)
    if isinstance(sent_form, Response):
        return sent_form
    person = sent_form.person
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    language = reading_of(server, request).language
    sent = await mailed_code_choice.send(server.authority, person.session, origin, language)
    if sent in NOT_SENT:
        return _page(server, person, NOT_SENT[sent], 429 if sent is Sent.OFTEN else 503)
    if sent is Sent.OVER:
        return go(f"{server.prefix}/{_ROOM}")
    if server.sender is not None:
        server.sender.wake()
    return go(f"{server.prefix}/{_PATH}/confirm")


async def type_code(server: Server, request: Request) -> Response:
    """``GET /account/security/mailed-codes/confirm``: where the code is typed."""
    person = await fresh_person(server, request, _ONWARD)
    return person if isinstance(person, Response) else _page(server, person)


async def confirm(server: Server, request: Request) -> Response:
    """``POST /account/security/mailed-codes/confirm``: the code; from now on they are sent."""
    sent = await fresh_form(server, request, _ONWARD)
    if isinstance(sent, Response):
        return sent
    person = sent.person
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    shown = Shown(Secret(sent.form.get("code") or ""), origin, person.session)
    begun = await mailed_code_choice.choose(server.authority, shown)
    if begun is None:
        return _page(server, person, WRONG, 400)
    await server.authority.hub.catch_up()
    return await enter(server, request, begun, _ONWARD)


async def ask_to_drop(server: Server, request: Request) -> Response:
    """``GET /account/security/mailed-codes/off``: says what follows."""
    person = await fresh_person(server, request, _ONWARD)
    if isinstance(person, Response):
        return person
    factors = await server.authority.store.read(partial(_factors, person.user.id))
    is_over = factors.mailed_since is None
    return _asking(server, person, Cause.MAILED_CODES_REMOVED, nothing=is_over)


async def drop(server: Server, request: Request) -> Response:
    """``POST /account/security/mailed-codes/off``."""
    sent = await fresh_form(server, request, _ONWARD)
    if isinstance(sent, Response):
        return sent
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    await mailed_code_choice.drop(server.authority, sent.person.session, origin)
    return go(f"{server.prefix}/{_ROOM}")


async def _factors(user_id: str, tx: Transaction) -> Factors:
    return await tx.second_factors.of_user(user_id)


def _asking(server: Server, person: Person, cause: Cause, *, nothing: bool) -> Response:
    is_on = cause is Cause.MAILED_CODES_ADDED
    page = EndPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/{_PATH}{'' if is_on else '/off'}",
        back=f"{server.prefix}/{_ROOM}",
        title=say("Have codes sent by mail?") if is_on else say("Have no codes sent any more?"),
        verb=say("Send the first code") if is_on else say("Have no codes sent"),
        sentence=say(CONSEQUENCES[cause].sentence),
        nothing=nothing,
    )
    return show(server, page)


def _page(server: Server, person: Person, error: str | None = None, status: int = 200) -> Response:
    page = MailedCodePage(
        prefix=server.prefix,
        action=f"{server.prefix}/{_PATH}/confirm",
        again=f"{server.prefix}/{_PATH}",
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        user_email=person.user.email,
        back=_ROOM,
        back_title=say("Leave it off"),
        error=error,
    )
    return show(server, page, status=status)
