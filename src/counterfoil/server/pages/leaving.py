"""Signing out: this session ends here, and one may go on to sign out where one came from (S114)."""

from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.identity import sign_out_there
from counterfoil.server.identity.sign_out_there import There
from counterfoil.server.pages.remembered import forget_here
from counterfoil.server.pages.views import SignedOutPage
from counterfoil.server.protocol import events, revocation
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, show
from counterfoil.server.web.reading import origin_of, query_of
from counterfoil.server.web.server import Server


async def leave(server: Server, request: Request, person: Person, onward: str = "") -> Response:
    """End a session, and go ``onward``, or to the page that says so. The browser is forgotten.

    What a provider gave for the person goes back after the answer: nobody waits for that.
    """
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_session(person.session, origin)

    async def work(tx: Transaction) -> There | None:
        there = await sign_out_there.begun_at(tx, person.session)
        await revocation.end_session(tx, person.session.id, by)
        return there

    there = await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    response = go(onward or _said(server, there))
    server.cookies.clear_session(response)
    await forget_here(server, request, response)
    if there is not None:
        give_back = sign_out_there.give_back
        response.background = BackgroundTask(give_back, server.authority, server.line, there)
    return response


def _said(server: Server, there: There | None) -> str:
    page = f"{server.prefix}/signed-out"
    return page if there is None else f"{page}?provider={quote(there.provider.id)}"


async def signed_out(server: Server, request: Request) -> Response:
    """``GET /signed-out``; ``provider`` names the one by which the person had come in."""
    named = query_of(request).get("provider")
    if not named:
        return show(server, SignedOutPage(prefix=server.prefix))
    provider = await server.authority.store.read(lambda tx: tx.providers.find(named))
    href = await sign_out_there.address(server.line, provider) if provider is not None else ""
    there = provider.name if provider is not None and href else ""
    return show(server, SignedOutPage(prefix=server.prefix, there=there, there_href=href))
