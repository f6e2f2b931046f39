"""In which accounts a browser has signed in before: its cookie, read and written."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.identity import known_browser
from counterfoil.server.identity.known_browser import LIFETIME, Acquaintance, KnownBrowser
from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named
from counterfoil.server.records.session import Session
from counterfoil.server.web.server import Server


def known_in(server: Server, request: Request) -> KnownBrowser:
    """Read it; a browser that says nothing, or something that is not ours, is known nowhere."""
    return known_browser.unseal(server.authority.pending, server.cookies.known_of(request))


def keep_known(
    server: Server, request: Request, response: Response, session: Session, generation: str
) -> None:
    """Let a browser be known by whoever has signed in; ``generation`` names their password."""
    handle = named(server.random(HANDLE_BYTES))
    new = Acquaintance(handle, session.user_id, generation, int(server.clock()))
    known = known_in(server, request).with_account(new)
    sealed = known_browser.seal(server.authority.pending, known)
    server.cookies.set_known(response, sealed, LIFETIME)
