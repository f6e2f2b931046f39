"""What every handler is given: the authority, and what people's pages need besides."""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from urllib.parse import urlsplit

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.hub.presence import Presence
from counterfoil.server.hub.publisher import Publisher
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.identity.throttle import Throttle
from counterfoil.server.mail.catching import Catcher
from counterfoil.server.mail.sender import Sender
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.rates import Rates
from counterfoil.server.protocol.registry_feed import RegistryFeed
from counterfoil.server.protocol.status_lists import StatusLists
from counterfoil.server.upstream.line import Line
from counterfoil.server.web.admission import Admission, Use
from counterfoil.server.web.cookies import Cookies
from counterfoil.server.web.gate import Gate
from counterfoil.server.web.page import Renderer


class Server(Struct, frozen=True):
    """One issuer's server, as its handlers see it. ``clock`` gives seconds since the epoch.

    ``random`` gives as many random bytes as it is asked for. ``publisher`` is there where the
    notices are carried, ``sender`` where mail is sent, ``catcher`` where it is only caught.
    """

    authority: Authority
    presence: Presence
    gate: Gate
    pages: Renderer
    cookies: Cookies
    passwords: Passwords
    sign_in_throttle: Throttle
    client_throttle: Throttle
    device_tries: Rates
    recoveries: Rates
    admission: Admission
    status_lists: StatusLists
    registry_feed: RegistryFeed
    clock: Callable[[], float]
    random: Callable[[int], bytes]
    line: Line
    publisher: Publisher | None = None
    sender: Sender | None = None
    catcher: Catcher | None = None

    @property
    def prefix(self) -> str:
        """The path below which the pages stand, without a closing slash."""
        return urlsplit(self.authority.issuer).path


Handler = Callable[[Server, Request], Awaitable[Response]]


class Caller(Enum):
    """For whom a route is: errors, headers and CORS follow from it."""

    MACHINE = auto()
    SCRIPT = auto()
    """Machines, and scripts in browsers of any origin: CORS is open, without credentials."""
    PERSON = auto()


class Route(Struct, frozen=True):
    """One line of the map of the server."""

    path: str
    methods: tuple[str, ...]
    handler: Handler
    caller: Caller
    use: Use = Use.OTHER
