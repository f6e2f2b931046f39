"""What a browser is remembered by when its session is over: its cookie, read and written (S24)."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.identity import remembering
from counterfoil.server.identity.remembering import Kept, Shown
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.protocol.remember_tokens import read_token
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server


def remembers(settings: Settings) -> str:
    """Say on the sign-in page for how long a browser is remembered; empty: not at all."""
    match settings.remember_browsers:
        case "off":
            return ""
        case "30_days":
            return say("for 30 days")
        case "90_days":
            return say("for 90 days")
        case "forever":
            return say("for as long as you use it")


def shown_in(server: Server, request: Request) -> Shown | None:
    """Read what a browser shows; ``None``: nothing that we ever spelled, or it has no name."""
    value, browser = server.cookies.remembered_of(request), server.cookies.browser_of(request)
    token = read_token(server.authority.keys.remembering, value) if value is not None else None
    if token is None or browser is None:
        return None
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    return Shown(token, browser.fingerprint().hex(), origin)


async def keep_remembered(
    server: Server, request: Request, begun: NewSession, response: Response
) -> None:
    """Have a browser remembered after a sign-in, where that is wished and policy lets it.

    What it was remembered by before ends: whoever signed in last says what becomes of it.
    """
    shown, name = shown_in(server, request), server.cookies.browser_of(request)
    wishes = begun.keep and server.authority.settings.remember_lifetime > 0
    browser = name.fingerprint().hex() if wishes and name is not None else None
    if shown is None and browser is None:
        return
    work = partial(_remember, server, begun.session, shown, browser)
    kept = await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    if kept is not None:
        set_remembered(server, request, kept, response)
    else:
        server.cookies.clear_remembered(request, response)


async def _remember(
    server: Server, session: Session, shown: Shown | None, browser: str | None, tx: Transaction
) -> Kept | None:
    if shown is not None:
        await remembering.let_go(server.authority, tx, shown)
    if browser is None:
        return None
    return await remembering.remember(server.authority, tx, session, browser)


def set_remembered(server: Server, request: Request, kept: Kept, response: Response) -> None:
    """Give a browser its next token, and its own name for as long: the one is no good without."""
    lifetime = kept.until - int(server.clock())
    server.cookies.set_remembered(response, kept.token.value, lifetime)
    name = server.cookies.browser_of(request)
    if name is not None:
        server.cookies.set_browser(response, name, lifetime)


async def forget_here(server: Server, request: Request, response: Response) -> None:
    """Forget the browser at which somebody signs out, though its session be over long since."""
    shown = shown_in(server, request)
    if shown is not None:
        await server.authority.store.transact(partial(_sign_out, shown))
        await server.authority.hub.catch_up()
    server.cookies.clear_remembered(request, response)


async def _sign_out(shown: Shown, tx: Transaction) -> None:
    await remembering.sign_out(tx, shown)
