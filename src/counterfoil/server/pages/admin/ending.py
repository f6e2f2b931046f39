"""Endings of anything by an administrator: what will end is said and asked, then what has ended."""

from functools import partial
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.admin.views import AdminEndPage
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.ending import ended_sentence
from counterfoil.server.pages.views import EndedPage
from counterfoil.server.protocol import endings, events
from counterfoil.server.protocol.endings import Ending, Ends, Foreseen, Target, owner_of
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import show
from counterfoil.server.web.csrf import demand_own_form
from counterfoil.server.web.reading import form_of, origin_of, query_of

TITLES: Final = MappingProxyType(
    {
        Ends.TOKEN: "End this token?",
        Ends.FAMILY: "End this session of an app?",
        Ends.SESSION: "Sign this browser out?",
        Ends.REMEMBERED: "Forget this browser?",
        Ends.APP_SESSIONS: "Sign the app out everywhere?",
        Ends.GRANT: "End this grant?",
        Ends.USER: "End everything of this person?",
        Ends.CLIENT: "End every token of this client?",
        Ends.API: "End every token for this API?",
        Ends.PERSONAL_TOKEN: "End this personal token?",
        Ends.MINT_RIGHT: "Withdraw this right to mint?",
        Ends.KEY: "Withdraw this key?",
    }
)
_ROOMS: Final = MappingProxyType(
    {
        Ends.SESSION: "sessions",
        Ends.REMEMBERED: "users",
        Ends.GRANT: "grants",
        Ends.APP_SESSIONS: "grants",
        Ends.FAMILY: "grants",
        Ends.PERSONAL_TOKEN: "users",
        Ends.USER: "users",
        Ends.CLIENT: "clients",
        Ends.API: "apis",
        Ends.MINT_RIGHT: "clients",
        Ends.KEY: "keys",
        Ends.TOKEN: "events",
    }
)


async def ask(visit: Visit) -> AdminEndPage:
    """``GET /admin/end?kind=…&name=…``: says what will end. It changes nothing."""
    target = _target(query_of(visit.request))
    authority = visit.server.authority

    async def work(tx: Transaction) -> tuple[Foreseen, bool]:
        return await endings.foresee(authority, tx, target), await _is_here(visit, target, tx)

    foreseen, here = await visit.read(work)
    return AdminEndPage(
        prefix=visit.server.prefix,
        frame=visit.frame(_ROOMS[target.kind]),
        action=visit.url("end"),
        back=_back(visit, target),
        title=TITLES[target.kind],
        kind=target.kind.value,
        name=target.name,
        sentence=foreseen.sentence,
        nothing=foreseen.nothing,
        here=here,
    )


async def answer(visit: Visit) -> Response:
    """``POST /admin/end``: ends it, and says what has ended."""
    form = await form_of(visit.request)
    server = visit.server
    demand_own_form(server.authority.keys.csrf, visit.person.session.id, form, visit.request)
    target = _target(form)
    origin = origin_of(visit.request, server.authority.settings.trusted_proxies)
    by = events.by_session(visit.person.session, origin)
    here = await visit.read(partial(_is_here, visit, target))

    async def work(tx: Transaction) -> Ending:
        return await endings.carry_out(server.authority, tx, target, by)

    ending = await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    response = show(server, _ended(visit, target, ending, here=here))
    if here:
        server.cookies.clear_session(response)
        server.cookies.clear_remembered(visit.request, response)
    return response


def _target(parameters: Parameters) -> Target:
    kind, name = parameters.require("kind"), parameters.require("name")
    known = next((each for each in Ends if each.value == kind), None)
    if known is None:
        raise invalid_request("The parameter kind names nothing that can be ended.")
    return Target(known, name)


async def _is_here(visit: Visit, target: Target, tx: Transaction) -> bool:
    """Whether the browser of the administrator is signed out by it."""
    if target.kind is Ends.REMEMBERED:
        return target.name == visit.person.session.remembered_id
    if target.kind is Ends.SESSION:
        return target.name == visit.person.session.id
    return target.kind is Ends.USER and await owner_of(tx, target) == visit.person.user.id


def _ended(visit: Visit, target: Target, ending: Ending, *, here: bool) -> EndedPage:
    return EndedPage(
        prefix=visit.server.prefix,
        title="It has ended" if ending.ended else "Nothing was left to end",
        sentence=_sentence(target, ending),
        receipt=str(ending.position),
        back=f"{visit.server.prefix}/sign-in" if here else _back(visit, target),
        back_title="Sign in again" if here else "Back",
    )


def _sentence(target: Target, ending: Ending) -> str:
    counted = ending.sessions or ending.families or ending.remembered
    if ending.ended and not (counted or target.kind is Ends.GRANT):
        return "Everything that was meant has ended."
    return ended_sentence(ending)


def _back(visit: Visit, target: Target) -> str:
    room = _ROOMS[target.kind]
    match target.kind:
        case Ends.API:
            return visit.url(room, "named", uri=target.name)
        case Ends.FAMILY | Ends.TOKEN | Ends.PERSONAL_TOKEN | Ends.MINT_RIGHT | Ends.REMEMBERED:
            return visit.url(room)
    return visit.url(room, target.name)
