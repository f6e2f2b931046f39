"""Signing in from a terminal: by the browser of this machine (RFC 8252 §7.3)."""

import asyncio
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from counterfoil.client.errors import Refused

if TYPE_CHECKING:
    from counterfoil.client.client import AsyncClient, Client
    from counterfoil.client.tokens import Tokens

WITHIN: Final = 300.0
"""Seconds in which the person has to be back."""


def open_browser(url: str) -> None:
    """Open a page, where there is a browser; who has none uses the URL that was told."""
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(url)


def sign_in(
    client: "Client",
    scope: str,
    tell: Callable[[str], None],
    resource: str = "",
    within: float = WITHIN,
) -> "Tokens":
    """Sign somebody in by the browser of this machine.

    The client must have ``http://127.0.0.1/callback`` among its redirect URIs; any port will do.
    ``tell`` is given the URL, before the browser is opened; ``within`` is in seconds.

    Raises:
        Refused: the person did not come back in time, or said no; else as every flow.
    """
    from counterfoil.net.loopback import Loopback

    with Loopback() as loopback:
        begun = client.begin(scope, **_further(loopback.redirect_uri, resource))
        loopback.expect(begun.attempt.state)
        tell(begun.url)
        open_browser(begun.url)
        try:
            callback = loopback.wait(within)
        except TimeoutError as error:
            raise Refused("expired", str(error)) from None
    return client.complete(begun.attempt, callback)


async def sign_in_async(
    client: "AsyncClient",
    scope: str,
    tell: Callable[[str], None],
    resource: str = "",
    within: float = WITHIN,
) -> "Tokens":
    """As :func:`sign_in`."""
    from counterfoil.net.loopback import Loopback

    with Loopback() as loopback:
        begun = await client.begin(scope, **_further(loopback.redirect_uri, resource))
        loopback.expect(begun.attempt.state)
        tell(begun.url)
        await asyncio.to_thread(open_browser, begun.url)
        try:
            callback = await asyncio.to_thread(loopback.wait, within)
        except TimeoutError as error:
            raise Refused("expired", str(error)) from None
    return await client.complete(begun.attempt, callback)


def _further(redirect_uri: str, resource: str) -> dict[str, str]:
    return {"redirect_uri": redirect_uri} | ({"resource": resource} if resource else {})
