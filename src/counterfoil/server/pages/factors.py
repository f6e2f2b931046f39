"""My account, security: the authenticator app and the recovery codes, and changing them (S105)."""

from functools import partial
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.identity.factor_change import renew_codes, switch_off
from counterfoil.server.identity.recovery_codes import HOW_MANY
from counterfoil.server.pages.account_views import SecurityRow
from counterfoil.server.pages.authenticator import show_codes
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.halves import AUTHENTICATOR_PATH
from counterfoil.server.pages.onward import SECURITY, Onward
from counterfoil.server.pages.views import EndPage
from counterfoil.server.pages.wording import day_of
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.browser import go, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server

_ROOM: Final = "account/security"
_ONWARD: Final = Onward(next=SECURITY)
_RENEWED: Final = say("The codes that you have are good no more. Ten new ones are shown, once.")


class _Asking(Struct, frozen=True):
    """A change that is asked about first: its path below the room, and what is said."""

    path: str
    title: str
    verb: str
    sentence: str


async def authenticator(tx: Transaction, user: User) -> SecurityRow:
    """Say whether there is an authenticator app."""
    found = await tx.second_factors.authenticator(user.id)
    if found is None:
        return SecurityRow(
            title=say("Authenticator app"),
            state=say(
                "Off. With an app that shows codes, whoever learns your password still cannot "
                "sign in."
            ),
            path="security/authenticator",
            verb=say("Set an app up"),
        )
    return SecurityRow(
        title=say("Authenticator app"),
        state=say(
            "On since {day}. After your password you type its code.", day=day_of(found.added_at)
        ),
        path="security/switch-off",
        verb=say("Switch the app off"),
    )


async def recovery_codes(tx: Transaction, user: User) -> SecurityRow | None:
    """Say how many recovery codes are left, where there is something to recover from."""
    factors = await tx.second_factors.of_user(user.id)
    if not factors.is_on:
        return None
    return SecurityRow(
        title=say("Recovery codes"),
        state=say(
            "{left} of {count} are left. Each lets you in once, in place of the app.",
            left=factors.recovery_codes,
            count=HOW_MANY,
        ),
        path="security/recovery-codes",
        verb=say("Make new codes"),
    )


async def set_up(server: Server, _: Request) -> Response:
    """``GET /account/security/authenticator``: it is done where people sign in."""
    return go(f"{server.prefix}/{AUTHENTICATOR_PATH}{Onward(next=SECURITY).query}")


async def ask_to_renew(server: Server, request: Request) -> Response:
    """``GET /account/security/recovery-codes``: says what follows."""
    asking = _Asking(
        "recovery-codes", say("Make new recovery codes?"), say("Make new codes"), _RENEWED
    )
    return await _ask(server, request, asking)


async def renew(server: Server, request: Request) -> Response:
    """``POST /account/security/recovery-codes``: new ones, in place of those before."""
    sent = await fresh_form(server, request, _ONWARD)
    if isinstance(sent, Response):
        return sent
    person = sent.person
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    codes = await renew_codes(server.authority, person.session, origin)
    return show_codes(server, codes, _ROOM) if codes else go(f"{server.prefix}/{_ROOM}")


async def ask_to_switch_off(server: Server, request: Request) -> Response:
    """``GET /account/security/switch-off``: says what follows."""
    sentence = say(CONSEQUENCES[Cause.SECOND_FACTOR_REMOVED].sentence)
    asking = _Asking("switch-off", say("Switch the app off?"), say("Switch the app off"), sentence)
    return await _ask(server, request, asking)


async def _ask(server: Server, request: Request, asking: _Asking) -> Response:
    person = await fresh_person(server, request, _ONWARD)
    if isinstance(person, Response):
        return person
    factors = await server.authority.store.read(partial(_factors, person.user.id))
    page = EndPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/{_ROOM}/{asking.path}",
        back=f"{server.prefix}/{_ROOM}",
        title=asking.title,
        verb=asking.verb,
        sentence=asking.sentence,
        nothing=not factors.is_on,
    )
    return show(server, page)


async def _factors(user_id: str, tx: Transaction) -> Factors:
    return await tx.second_factors.of_user(user_id)


async def turn_off(server: Server, request: Request) -> Response:
    """``POST /account/security/switch-off``."""
    sent = await fresh_form(server, request, _ONWARD)
    if isinstance(sent, Response):
        return sent
    person = sent.person
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    await switch_off(server.authority, person.session, origin)
    return go(f"{server.prefix}/{_ROOM}")
