"""A visit to an admin page: who may come, and how a page answers. No page decides that itself."""

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.pages.admin.views import Frame
from counterfoil.server.pages.views import ErrorPage
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.records.listing import Part
from counterfoil.server.records.store import Work
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.cursors import part_after
from counterfoil.server.web.page import Page
from counterfoil.server.web.reading import query_of
from counterfoil.server.web.server import Handler, Server

T = TypeVar("T")
SHOWN: Final = 50
ROOMS: Final = (
    ("clients", "Clients"),
    ("apis", "APIs"),
    ("users", "People"),
    ("providers", "Providers"),
    ("grants", "Grants"),
    ("sessions", "Sessions"),
    ("keys", "Keys"),
    ("events", "Events"),
    ("explain", "Explain"),
)

SAYS: Final = MappingProxyType(
    {
        "clients": "Apps, services and automations that may get tokens.",
        "apis": "What tokens are for, and the scopes that each API owns.",
        "users": "Who may sign in here.",
        "providers": "Other servers at which people sign in to come in here.",
        "grants": "What people let apps do, one for each person and app.",
        "sessions": "Browsers that are signed in.",
        "keys": "They sign tokens and notices, and turn by themselves.",
        "events": "Who did what, when and from where.",
        "explain": "Why a token is refused: which check, since when and by whom.",
    }
)


class Visit(Struct, frozen=True):
    """An administrator at an admin page."""

    server: Server
    request: Request
    person: Person

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self.server.clock())

    @property
    def names(self) -> dict[str, str]:
        """The names in the path: data, no more."""
        return self.request.path_params

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return dict(query_of(self.request).single)

    @property
    def part(self) -> Part:
        """The part of the list that is asked for."""
        return part_after(self.query.get("cursor", ""), SHOWN)

    async def read(self, work: Work[T]) -> T:
        """Read from the store."""
        return await self.server.authority.store.read(work)

    def frame(self, here: str) -> Frame:
        """Give the frame of a page in one of the rooms."""
        return Frame(
            user_email=self.person.user.email,
            csrf=csrf_token(self.server.authority.keys.csrf, self.person.session.id),
            here=here,
            rooms=ROOMS,
        )

    def url(self, *parts: str, **query: str | None) -> str:
        """Give the address of an admin page; what is ``None`` is left out of its query."""
        path = "/".join(quote(part, safe="") for part in parts)
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{self.server.prefix}/admin/{path}{'?' if asked else ''}{asked}"


View = Callable[[Visit], Awaitable[Page | None]]
Answer = Callable[[Visit], Awaitable[Response]]


def page(view: View) -> Handler:
    """Give the handler of a page: it shows the view, and 404 where there is no such thing."""

    async def answer(visit: Visit) -> Response:
        view_of_it = await view(visit)
        return nothing_here(visit.server) if view_of_it is None else show(visit.server, view_of_it)

    return for_administrators(answer)


def for_administrators(answer: Answer) -> Handler:
    """Let only an enabled administrator in, asked anew at every request.

    Who is not signed in is sent to sign in; anybody else is told, before anything is looked up,
    that this is not for them.
    """

    async def handler(server: Server, request: Request) -> Response:
        person = await person_of(server, request)
        if person is None:
            return go(f"{server.prefix}/sign-in")
        if not person.user.is_admin:
            raise OAuthError("access_denied", "This page is for administrators.")
        return await answer(Visit(server, request, person))

    return handler


def nothing_here(server: Server) -> Response:
    """Say that there is no such thing."""
    missing = ErrorPage(
        prefix=server.prefix,
        title="There is nothing here",
        sentence="It may have been swept away since it ended.",
        code="not_found",
        request_id=named(server.random(6)),
    )
    return show(server, missing, status=404)
