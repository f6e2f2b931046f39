"""Somebody at a browser who asks for mail, or came by a link in it: whoever they are (S72)."""

import hmac
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Kind, Secret, is_spelled
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.ending import ended_sentence
from counterfoil.server.pages.recovery_views import LinkOverPage
from counterfoil.server.pages.views import EndedPage
from counterfoil.server.protocol.rates import key_of
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Origin
from counterfoil.server.records.user import normalised_email
from counterfoil.server.web.browser import Browser, browser_of, go, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.language import reading_of
from counterfoil.server.web.page import Page
from counterfoil.server.web.reading import origin_of, query_of
from counterfoil.server.web.server import Server

ANOTHER: Final = say(
    "Another link was opened in this browser since. Look whose account this is, and go on."
)
OFTEN: Final = say(
    "A link was asked for too often. Look into your mailbox, or try again in an hour."
)
BUSY: Final = say("Too many people are asking at this moment. Wait a little and try again.")
DIFFERENT: Final = say("The two new passwords are not the same.")
_PER_ADDRESS: Final = 10
"""So many people may share an address and ask for mail in one hour."""
_MINUTES: Final = 60


class Visitor(Struct, frozen=True):
    """Somebody at a browser, and from where they came."""

    server: Server
    browser: Browser
    origin: Origin
    language: str

    @property
    def csrf(self) -> str:
        """The token of the forms of this browser."""
        return csrf_token(self.server.authority.keys.csrf, self.browser.name)

    def name_of(self, digest: bytes) -> str:
        """Name a link in its form: the cookie may be another's by the time that it is sent."""
        return csrf_token(self.server.authority.keys.csrf, f"link {digest.hex()}")

    def wrong_in(self, form: Parameters, digest: bytes) -> str | None:
        """Say why a form cannot choose a password by the link that this browser has."""
        given = (form.get("link") or "").encode()
        if not hmac.compare_digest(given, self.name_of(digest).encode()):
            return ANOTHER
        return DIFFERENT if (form.get("new") or "") != (form.get("again") or "") else None


def visitor_of(server: Server, request: Request) -> Visitor:
    """Say who asks, as far as it is known."""
    return Visitor(
        server,
        browser_of(server, request),
        origin_of(request, server.authority.settings.trusted_proxies),
        reading_of(server, request).language,
    )


def comes_too_often(server: Server, origin: Origin, email: str) -> bool:
    """Count one asking for mail, for the address typed and for the one that it comes from.

    Whatever is asked for, it is counted together: a mailbox is flooded by any of it.
    """
    # What is counted by the minute is counted by the hour where a minute of the clock is a second.
    now = server.clock() / _MINUTES
    each = server.authority.settings.recoveries_per_hour
    place = f"from {key_of(origin.address)!r}"
    waits = server.recoveries.take(place, now, each * _PER_ADDRESS) if origin.address else 0.0
    return bool(waits or server.recoveries.take(f"for {normalised_email(email)}", now, each))


def put_away(server: Server, request: Request, path: str) -> Response | None:
    """Take the token of a link out of the address and into a cookie; ``None``: there is none."""
    given = query_of(request).get("token")
    if given is None:
        return None
    response = go(f"{server.prefix}{path}")
    if is_spelled(Kind.ACTION_TOKEN, given):
        server.cookies.set_action(response, Secret(given))
    else:
        server.cookies.clear_action(response)
    return response


def unreferred(server: Server, page: Page, status: int = 200, *, target: str = "") -> Response:
    """Show a page that no other learns of by ``Referer``; its forms lead to ``target`` too."""
    response = show(server, page, status=status, form_target=target)
    response.headers["referrer-policy"] = "no-referrer"
    return response


def link_over(server: Server, again: str = "") -> Response:
    """Say that a link is not good, or is not any more; ``again``: where to ask for another."""
    page = LinkOverPage(prefix=server.prefix)
    return done_with_link(server, replace(page, again=again) if again else page, 410)


def done_with_link(server: Server, page: Page, status: int = 200) -> Response:
    """Show the last page of a link: its cookie is forgotten."""
    response = unreferred(server, page, status)
    server.cookies.clear_action(response)
    return response


def signed_out_by_link(server: Server, ending: Ending, title: str, nobody: str) -> Response:
    """Show what a link ended; ``nobody``: what is said where nothing was left to end."""
    page = EndedPage(
        prefix=server.prefix,
        title=title,
        sentence=ended_sentence(ending) if ending.ended else nobody,
        receipt=str(ending.position),
        back=f"{server.prefix}/sign-in",
        back_title=say("Sign in"),
    )
    return done_with_link(server, page)


def minutes_of(server: Server) -> int:
    """Say for how many minutes a link is good."""
    return server.authority.settings.action_link_lifetime // _MINUTES
