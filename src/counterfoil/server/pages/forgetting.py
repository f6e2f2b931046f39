"""My account, devices: forgetting a browser that is remembered, though it be signed in nowhere."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.pages import onward
from counterfoil.server.pages.ending import DEVICES, ended_sentence
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.onward import Onward
from counterfoil.server.pages.views import EndedPage, EndPage
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server

FORGET = f"{DEVICES}/forget"
_SENTENCE: Final = say(
    "This browser is remembered no more. Whatever it got by that ends: the browser is signed out, "
    "and with it the apps in it."
)


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/devices/forget/{name}``: says what will end. It changes nothing."""
    name = request.path_params["name"]
    person = await fresh_person(server, request, Onward(next=onward.FORGET, carried=name))
    if isinstance(person, Response):
        return person
    await server.authority.store.read(partial(_own, person, name))
    page = EndPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/{FORGET}/{name}",
        back=f"{server.prefix}/{DEVICES}",
        title=say("Forget this browser?"),
        verb=say("Forget this browser"),
        sentence=_SENTENCE,
        here=person.session.remembered_id == name,
    )
    return show(server, page)


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/devices/forget/{name}``."""
    name = request.path_params["name"]
    sent = await fresh_form(server, request, Onward(next=onward.FORGET, carried=name))
    if isinstance(sent, Response):
        return sent
    person = sent.person
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_session(person.session, origin)

    async def work(tx: Transaction) -> Ending:
        await demand_fresh(server.authority.settings, tx, person.session)
        remembered = await _own(person, name, tx)
        return await revocation.end_remembered(tx, remembered, "forgotten", by)

    ending = await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    here = person.session.remembered_id == name
    page = EndedPage(
        prefix=server.prefix,
        title=say("The browser is forgotten"),
        sentence=ended_sentence(ending),
        receipt=str(ending.position),
        back=f"{server.prefix}/{'sign-in' if here else DEVICES}",
        back_title=say("Sign in again") if here else say("Back to my account"),
    )
    response = show(server, page)
    if here:
        server.cookies.clear_session(response)
        server.cookies.clear_remembered(request, response)
    return response


async def _own(person: Person, name: str, tx: Transaction) -> RememberedBrowser:
    """Find it. What is another's looks as if it were not there."""
    found = await tx.remembered_browsers.find(name)
    if found is None or found.user_id != person.user.id:
        raise invalid_request("There is no such remembered browser. It may have been forgotten.")
    return found
