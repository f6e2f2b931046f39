"""The mail that was caught in development, for whoever sits at this machine."""

import re
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.addresses import address_in
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.pages.recovery_views import CaughtMailPage, CaughtMessage
from counterfoil.server.web.browser import show
from counterfoil.server.web.server import Server

_SIGNATURE: Final = "\n-- \n"
_LINK: Final = re.compile(r"https?://\S+")
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""By any of these a proxy or a tunnel tells that it brings somebody else."""


async def caught_mail(server: Server, request: Request) -> Response:
    """``GET /development/mail``.

    Raises:
        OAuthError: ``access_denied``: nothing is caught here, or who asks is not at this machine.
    """
    if server.catcher is None or not _is_here(server, request):
        raise OAuthError("access_denied", "Mail is shown in development, on the machine itself.")
    messages = tuple(map(_shown, server.catcher.caught))
    response = show(server, CaughtMailPage(prefix=server.prefix, messages=messages))
    response.headers["referrer-policy"] = "no-referrer"
    return response


def _is_here(server: Server, request: Request) -> bool:
    """Whether a browser of this machine asks, under our own name.

    Another name that somebody lets point at this machine would have its scripts read the page. What
    a proxy or a tunnel on this machine brings comes from anywhere.
    """
    host = request.headers.get("host", "")
    client = request.scope.get("client")
    is_own = host == urlsplit(server.authority.issuer).netloc
    address = address_in(client[0]) if client is not None else None
    is_brought = any(name in request.headers for name in _FORWARDED)
    return is_own and not is_brought and address is not None and address.is_loopback


def _shown(message: EmailMessage) -> CaughtMessage:
    plain = message.get_body(("plain",))
    text = str(plain.get_content()) if plain is not None else ""
    link = _LINK.search(text)
    return CaughtMessage(
        to=str(message["To"]),
        subject=str(message["Subject"]),
        date=str(message["Date"]),
        text=text.partition(_SIGNATURE)[0],
        link=link[0] if link else "",
    )
