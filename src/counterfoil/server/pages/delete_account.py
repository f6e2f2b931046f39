"""My account, deletion: after a fresh sign-in, with the e-mail typed, and once (decision 0047)."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.identity import upstream_tokens
from counterfoil.server.pages.account_views import DeletePage, GonePage
from counterfoil.server.pages.ending import ended_sentence
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.onward import DELETION, Onward
from counterfoil.server.protocol import account_deletion, events
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.sentence import Row, say
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import normalised_email
from counterfoil.server.settings import Settings
from counterfoil.server.web.browser import Person, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server

_NOT_HERE = say("People do not delete their own accounts here: ask an administrator.")
_OTHER = say("This is not the email address of this account.")


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/delete``: says what ends. It changes nothing."""
    person = await fresh_person(server, request, Onward(next=DELETION))
    if isinstance(person, Response):
        return person
    return show(server, _page(server, person, refused=await _why_not(server, person)))


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/delete``."""
    sent = await fresh_form(server, request, Onward(next=DELETION))
    if isinstance(sent, Response):
        return sent
    person, form = sent.person, sent.form
    refused = await _why_not(server, person)
    if refused:
        return show(server, _page(server, person, refused=refused), status=403)
    if normalised_email(form.get("email") or "") != normalised_email(person.user.email):
        return show(server, _page(server, person, error=_OTHER), status=400)
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_session(person.session, origin)
    work = partial(_delete, server.authority.settings, person, by)
    ending, linked = await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    await upstream_tokens.give_back(server.authority, server.line, linked)
    return _gone(server, ending)


async def _delete(
    settings: Settings, person: Person, by: events.Actor, tx: Transaction
) -> tuple[Ending, list[LinkedIdentity]]:
    await demand_fresh(settings, tx, person.session)
    linked = await tx.identities.of_user(person.user.id)
    return await account_deletion.delete_account(tx, person.user.id, by), linked


async def _why_not(server: Server, person: Person) -> str:
    if not server.authority.settings.account_deletion:
        return _NOT_HERE

    async def work(tx: Transaction) -> str:
        try:
            await account_deletion.demand_deletable(tx, person.user.id)
        except OAuthError as error:
            return say(error.sentence)
        return ""

    return await server.authority.store.read(work)


def _gone(server: Server, ending: Ending) -> Response:
    page = GonePage(
        prefix=server.prefix,
        sentence=Row((ended_sentence(ending), say("What was kept of you is removed."))),
        receipt=str(ending.position),
    )
    response = show(server, page)
    server.cookies.clear_session(response)
    return response


def _page(
    server: Server, person: Person, *, refused: str = "", error: str | None = None
) -> DeletePage:
    return DeletePage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/delete",
        sentence=say(CONSEQUENCES[Cause.USER_DELETED].sentence),
        refused=refused,
        error=error,
    )
