"""The browser in front of us: its own name, its session, its person, its forms."""

import re
from functools import partial
from typing import Final
from urllib.parse import quote

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.protocol.second_factor_policy import is_strong_enough
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.headers import protect_page
from counterfoil.server.web.language import note_person, reading_of
from counterfoil.server.web.page import Page, Reading
from counterfoil.server.web.server import Server

_IN_USE: Final = "counterfoil.session"
_UNQUOTED: Final = ":/%#?=@[]!$&'()*+,;"
"""What else may stand in an address as it is (RFC 3986 §2.2): no space and no end of line."""
_AS_IT_IS: Final = re.compile(rf"[A-Za-z0-9_.~{re.escape(_UNQUOTED)}-]*")
_GOING: Final = (
    (b"content-length", b"0"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)


class Person(Struct, frozen=True):
    """Who is signed in, in which session."""

    user: User
    session: Session


class Browser(Struct, frozen=True):
    """A browser by the fingerprint of its cookie; ``new`` holds a cookie that is to be set."""

    name: str
    new: Secret | None


def browser_of(server: Server, request: Request) -> Browser:
    """Recognise the browser, or name it anew."""
    known = server.cookies.browser_of(request)
    if known is not None:
        return Browser(known.fingerprint().hex(), None)
    new = spell(Kind.BROWSER, server.random(SECRET_BYTES))
    return Browser(new.fingerprint().hex(), new)


async def person_of(server: Server, request: Request) -> Person | None:
    """Find the person who is signed in at this browser, and note that the session is in use.

    Who has to prove anew who they are (``reproof_interval``; S30) is not signed in, nor is who
    showed less than is demanded of them by now (``second_factor_for``, ``remember_behind_proof``),
    or of whose session something was noticed (S107).
    """
    digest = session_named(server, request)
    if not digest:
        return None
    found = await server.authority.store.read(partial(person_in, server, digest))
    return in_use(server, request, found)


def session_named(server: Server, request: Request) -> bytes:
    """Give the SHA-256 of the secret of the session that a browser says it is in; else nothing."""
    secret = server.cookies.session_of(request)
    return b"" if secret is None else secret.fingerprint()


async def person_in(server: Server, digest: bytes, tx: Transaction) -> Person | None:
    """Find in a transaction whom a session names, as ``person_of`` does."""
    found = await _person(server, digest, tx)
    settings = server.authority.settings
    interval = settings.reproof_interval
    if (
        found is None
        or found.session.doubted_at is not None
        or (interval and tx.now >= found.session.auth_time + interval)
    ):
        return None
    if found.session.recalled and settings.remember_behind_proof:
        return None
    return found if is_strong_enough(settings, found.user, found.session) else None


def in_use(server: Server, request: Request, person: Person | None) -> Person | None:
    """Note that a person who was found so is there, and uses their session."""
    if person is not None:
        server.authority.activity.note_session(person.session.id, int(server.clock()))
        request.scope[_IN_USE] = person.session
        note_person(request, person.user.language, person.session.auth_time)
    return person


async def signed_in_at(server: Server, request: Request) -> Person | None:
    """Find the live session of this browser and its person, to end the session or to renew it.

    However long ago they proved who they are: for anything else ask ``person_of``.
    """
    digest = session_named(server, request)
    if not digest:
        return None
    found = await server.authority.store.read(partial(_person, server, digest))
    if found is not None:
        note_person(request, found.user.language, found.session.auth_time)
    return found


def keep_session(server: Server, request: Request, response: Response) -> None:
    """Set the cookie of a sliding session anew, where it was used and that is due (S34)."""
    session: Session | None = request.scope.get(_IN_USE)
    if session is None:
        return
    now, idle = int(server.clock()), server.authority.settings.session_idle_lifetime
    if not session.cookie_is_due(now, idle) or server.cookies.sets_session(response):
        return
    secret = server.cookies.session_of(request)
    if secret is not None:
        server.cookies.set_session(response, secret, session.cookie_lifetime(now, idle))
        server.authority.activity.note_cookie(session.id, now)


async def _person(server: Server, digest: bytes, tx: Transaction) -> Person | None:
    session = await tx.sessions.find_by_digest(digest) if digest else None
    idle = server.authority.settings.session_idle_lifetime
    if session is None or not session.is_live(tx.now, idle):
        return None
    user = await tx.users.find(session.user_id)
    return Person(user, session) if user is not None and user.is_enabled else None


def remember(server: Server, browser: Browser, response: Response) -> Response:
    """Name a new browser by its cookie."""
    if browser.new is not None:
        server.cookies.set_browser(response, browser.new)
    return response


class PageAnswer(Response):
    """An answer with a page, which is written once it is known how it is read: ``write`` does."""

    def __init__(self, page: Page, status: int) -> None:
        super().__init__(None, status, media_type="text/html")
        self._page = page

    def write(self, server: Server, reading: Reading) -> None:
        """Write the document; on the way to a page nothing else depends on its language."""
        if not self._page.for_people:
            reading = Reading()
        self.body = server.pages.render(self._page, reading).encode("utf-8")
        self.headers["content-length"] = str(len(self.body))
        self.headers["content-language"] = reading.language
        self.headers["vary"] = "Accept-Language, Cookie"


def write_page(server: Server, request: Request, response: Response) -> None:
    """Write what a handler answers, where that is a page, as whoever asked reads."""
    if isinstance(response, PageAnswer):
        response.write(server, reading_of(server, request))


def show(
    server: Server, page: Page, *, status: int = 200, form_target: str = "", script: str = ""
) -> Response:
    """Answer with a page, which ``write_page`` writes.

    Its forms may lead to ourselves and to ``form_target``; ``script`` is the one static file
    whose script it may run.
    """
    response = PageAnswer(page, status)
    address = f"{server.authority.issuer}/static/{script}" if script else None
    protect_page(response, form_target, address)
    return response


class Going(Response):
    """An answer that sends the browser on. Its headers are written once, for the hot path."""

    def __init__(self, location: bytes) -> None:
        self.status_code = 303
        self.background = None
        self.body = b""
        self.raw_headers = [(b"location", location), *_GOING]


def go(url: str) -> Response:
    """Send the browser on, with GET, whatever it came with (RFC 9700 §4.12)."""
    location = url if _AS_IT_IS.fullmatch(url) else quote(url, safe=_UNQUOTED)
    return Going(location.encode("ascii"))
