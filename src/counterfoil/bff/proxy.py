"""Calls of the app's scripts go on to the API with the session's token, and the answers back."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct

from counterfoil.bff.asgi import Message, Receive, Request, Send, TurnedAway, start_of
from counterfoil.bff.body import Body, Gone
from counterfoil.bff.browser_session import session_of, signed_out
from counterfoil.bff.custody import logger
from counterfoil.bff.own_scripts import demand_own_script
from counterfoil.bff.passing import passed_back, passed_on
from counterfoil.bff.sessions import Session
from counterfoil.bff.setup import Setup
from counterfoil.bff.upstream import Upstream
from counterfoil.client import SignInNeeded, Tokens
from counterfoil.client.call import Call, Calls, Places
from counterfoil.net.http import Unreachable
from counterfoil.net.relay import Crowded, Incoming, Outgoing, Relay, Silent
from counterfoil.oauth.challenge_reading import parameter_in

_REDIRECTS: Final = range(300, 400)


class Errand(Struct, frozen=True):
    """One request on its way: whose, to which API, what it says."""

    session: Session
    request: Request
    mount: str
    upstream: Upstream
    url: str


class Proxy:
    """Passes requests on to APIs."""

    def __init__(self, setup: Setup, relay: Relay) -> None:
        self._setup = setup
        self._relay = relay

    async def serve(self, mount: str, request: Request, receive: Receive, send: Send) -> None:
        """Serve one request below a mount.

        Raises:
            TurnedAway: the answer is no; nothing was sent yet.
        """
        demand_own_script(request, self._setup.origin)
        upstream = self._setup.apis[mount]
        url = upstream.target(mount, request)
        body = Body(receive, request, upstream)
        session = await session_of(self._setup, request)
        errand = Errand(session, request, mount, upstream, url)
        with self._setup.custody.under_way(session), suppress(Gone):
            begin = await body.ahead()
            await _unless_gone(body, self._run(errand, body, begin, send))

    async def _run(self, errand: Errand, body: Body, begin: bytes, send: Send) -> None:
        places = Places.of((errand.upstream.url,))
        calls = Calls(places, self._setup.client.headers, None)
        call = calls.call(errand.url, may_repeat=body.has_ended)
        answer = _Answer(errand, send)
        try:
            while not await self._tried(call, answer, body, begin):
                pass
        except Unreachable as failure:
            logger.warning("an API does not answer: %s", failure)
            if not answer.has_begun:
                raise _unreachable(failure) from None
            # What has begun cannot be taken back: it is broken off, and the browser sees that.

    async def _tried(self, call: Call, answer: "_Answer", body: Body, begin: bytes) -> bool:
        """Make the call once; whether its answer counts."""
        errand = answer.errand
        tokens = await self._tokens(errand, call.refused)
        length = {"content-length": str(body.length)} if body.length else {}
        method = errand.request.method
        outgoing = Outgoing(
            method,
            errand.url,
            passed_on(errand.request, errand.upstream.headers)
            | (length if not body.has_ended else {})
            | call.headers(tokens, method),
            begin if body.has_ended else body.rest(begin),
            errand.upstream.patience,
        )
        async with self._relay.send(outgoing) as incoming:
            said = {name: ", ".join(incoming.every(name)) for name, _ in incoming.headers}
            self._setup.client.note_nonce(errand.url, said.get("dpop-nonce", ""))
            if call.heard(errand.url, incoming.status, said):
                return False
            if incoming.status == 401:
                raise await self._refused(errand, said.get("www-authenticate", ""), tokens, call)
            await answer.relay(incoming)
        return True

    async def _tokens(self, errand: Errand, refused: str) -> Tokens:
        try:
            return await self._setup.custody.tokens(
                errand.session, errand.upstream.resource, refused
            )
        except SignInNeeded:
            raise signed_out(self._setup, errand.request) from None

    async def _refused(
        self, errand: Errand, challenge: str, tokens: Tokens, call: Call
    ) -> TurnedAway:
        """Say what becomes of a 401 that no second call has mended, or could have mended."""
        error = parameter_in(challenge, "error")
        if not call.refused and error == "invalid_token":
            await self._tokens(errand, tokens.access_token)
            return TurnedAway(503, "try_again", "The token was renewed: send it once more.")
        if error == "use_dpop_nonce":
            return TurnedAway(503, "try_again", "The API wants its nonce: send it once more.")
        logger.warning("%s refuses a token that is fresh", errand.upstream.url)
        return TurnedAway(502, "token_refused", "The API does not take this app's tokens.")


class _Answer:
    """The answer as it goes to the browser."""

    def __init__(self, errand: Errand, send: Send) -> None:
        self.errand = errand
        self.has_begun = False
        self._send = send

    async def relay(self, incoming: Incoming) -> None:
        """Send it piece by piece, as fast as it is taken."""
        headers = passed_back(incoming.headers, incoming.status)
        leads = incoming.every("location")
        if leads and incoming.status in _REDIRECTS:
            headers = (*headers, ("location", self._location(leads[0])))
        self.has_begun = True
        await self._taken(start_of(incoming.status, headers))
        async for piece in incoming.pieces:
            await self._taken({"type": "http.response.body", "body": piece, "more_body": True})
        await self._taken({"type": "http.response.body", "body": b""})

    async def _taken(self, message: Message) -> None:
        """Send, to a browser that takes it; one that only holds the connection is left."""
        try:
            async with asyncio.timeout(self.errand.upstream.patience):
                await self._send(message)
        except TimeoutError:
            raise Gone from None

    def _location(self, said: str) -> str:
        """Write a redirect anew; one that leads out of the API ends here."""
        errand = self.errand
        here = errand.upstream.mounted(said, errand.url, errand.mount)
        if here is None:
            raise TurnedAway(502, "redirect_refused", "The API redirects to somewhere else.")
        return here


async def _unless_gone(body: Body, work: Coroutine[Any, Any, None]) -> None:
    """Work for as long as the browser is there to take the answer."""
    working, going = asyncio.ensure_future(work), asyncio.ensure_future(body.gone())
    try:
        await asyncio.wait({working, going}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        going.cancel()
        if not working.done():
            working.cancel()
        await asyncio.wait({working, going})
    if not working.cancelled():
        working.result()


def _unreachable(failure: Unreachable) -> TurnedAway:
    if isinstance(failure, Crowded):
        return TurnedAway(503, "crowded", "Too many calls are under way: try again in a moment.")
    if isinstance(failure, Silent):
        return TurnedAway(504, "api_silent", "The API does not answer.")
    return TurnedAway(502, "api_unreachable", "The API cannot be reached.")
