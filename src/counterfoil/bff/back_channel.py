"""The server says that a session has ended there: it ends here too (Back-Channel Logout 1.0 §2.5).

Whoever may send this shows it by the server's signature alone; no cookie is asked for.
"""

import asyncio
from typing import Final

from counterfoil.bff.asgi import Receive, Reply, Request, TurnedAway
from counterfoil.bff.setup import Setup
from counterfoil.client import HttpFailure, NotTrusted
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters

PATH: Final = "/logged-out"
"""Below the path of the backend-for-frontend: registered as ``backchannel_logout_uri``."""
_FORM: Final = "application/x-www-form-urlencoded"
_LONGEST: Final = 16 * 1024
_PATIENCE: Final = 10
"""Seconds for the whole form."""
_WRONG: Final = "This is no logout token for this app."


async def end_told(setup: Setup, request: Request, receive: Receive) -> Reply:
    """End the sessions that a logout token names; 200, although there may be none.

    Raises:
        TurnedAway: 400 where it is wrong, 503 where the server's keys cannot be had.
    """
    if request.method != "POST":
        refusal = TurnedAway(405, "method_not_taken", "Send POST.")
        return refusal.reply.with_headers(("allow", "POST"))
    unverified = await _token_in(request, receive)
    try:
        ended = await setup.client.read_logout_token(unverified)
    except NotTrusted:
        raise TurnedAway(400, "invalid_request", _WRONG) from None
    except HttpFailure:
        raise TurnedAway(503, "server_unreachable", "Its keys cannot be had: try again.") from None
    await setup.custody.end_told(ended)
    return Reply(200)


async def _token_in(request: Request, receive: Receive) -> str:
    if request.header("content-type").partition(";")[0].strip().lower() != _FORM:
        raise TurnedAway(400, "invalid_request", f"Send {_FORM}.")
    try:
        async with asyncio.timeout(_PATIENCE):
            body = await _body(receive)
        return Parameters.parse(body.decode("ascii")).require("logout_token")
    except TimeoutError:
        raise TurnedAway(408, "too_slow", "The request did not come to its end.") from None
    except (OAuthError, UnicodeDecodeError):
        raise TurnedAway(400, "invalid_request", _WRONG) from None


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TurnedAway(400, "invalid_request", _WRONG)
        body += message.get("body", b"")
        if len(body) > _LONGEST:
            raise TurnedAway(413, "too_long", f"A request has at most {_LONGEST} bytes.")
        if not message.get("more_body", False):
            return bytes(body)
