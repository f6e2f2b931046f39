"""Fetches the status lists of one issuer, and fetches them again before they grow old."""

import asyncio
import logging
from typing import Final

import msgspec

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.line import Surroundings
from counterfoil.guard.status_lists import StatusLists
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import Verifier
from counterfoil.net.http import MAX_BODY_BYTES, BadAnswer, HttpClient, HttpFailure
from counterfoil.oauth.status_list import MEDIA_TYPE, TYPE, StatusListToken, WrongStatusList

logger = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two looks at which lists are due."""
EARLIER: Final = 0.8
"""After this part of its time a list is fetched again."""
COOLDOWN: Final = 5.0
"""Seconds in which a list is not asked for again that could not be had."""
WITHIN: Final = 8.0
"""Seconds that a list may take, however steadily it drips."""
_FAILURES: Final = (HttpFailure, TimeoutError, JoseError, WrongStatusList, msgspec.MsgspecError)
NOT_HAD: Final = "a status list cannot be had"


class StatusLine:
    """Keeps the lists up to date that tokens have named. It belongs to the background thread."""

    def __init__(self, lists: StatusLists, state: IssuerState, surroundings: Surroundings) -> None:
        self._lists = lists
        self._state = state
        self._surroundings = surroundings
        self._http: HttpClient | None = None
        self._flights: dict[str, asyncio.Task[bool]] = {}
        self._due: dict[str, float] = {}

    async def hold(self, http: HttpClient) -> None:
        """Fetch what is due until cancelled."""
        self._http, self._flights = http, {}
        while True:
            await asyncio.sleep(EVERY)
            now = self._surroundings.clock()
            held = set(self._lists.uris)
            self._due = {uri: due for uri, due in self._due.items() if uri in held or due > now}
            for uri in held:
                if now >= self._due.get(uri, 0.0):
                    await self._fetch_again(uri)

    async def _fetch_again(self, uri: str) -> None:
        try:
            await self.fetch(uri)
        except Exception:
            self._due[uri] = self._surroundings.clock() + COOLDOWN
            logger.exception("%s: fetching a status list failed", self._state.issuer.url)

    async def fetch(self, uri: str) -> bool:
        """Fetch a list, once however many ask; ``False`` where it cannot be had at present."""
        flight = self._flights.get(uri)
        if flight is None:
            if self._surroundings.clock() < self._due.get(uri, 0.0):
                return uri in self._lists.uris  # it has just come, or just been asked for in vain
            flight = self._flights[uri] = asyncio.create_task(self._fetch(uri))
            flight.add_done_callback(lambda _: self._flights.pop(uri, None))
        return await asyncio.shield(flight)

    async def _fetch(self, uri: str) -> bool:
        now, troubles = self._surroundings.clock(), self._state.troubles
        try:
            async with asyncio.timeout(WITHIN):
                signed = await self._signed(uri)
            self._lists.take(uri, self._genuine(signed), now)
        except _FAILURES as error:
            self._due[uri] = now + COOLDOWN
            troubles.begin(NOT_HAD, str(error) or f"{uri} did not come to its end", now)
            self._surroundings.progress()
            return False
        held = self._lists.find(uri)
        self._due[uri] = now + (held.good_until - now) * EARLIER if held else now
        troubles.end(NOT_HAD)
        self._surroundings.progress()
        return True

    async def _signed(self, uri: str) -> str:
        if self._http is None:
            raise BadAnswer("the guard is not started")
        signed = bytearray()
        async with self._http.pieces(uri, MEDIA_TYPE) as pieces:
            async for piece in pieces:
                signed += piece
                if len(signed) > MAX_BODY_BYTES:
                    raise BadAnswer(f"{uri} answered with more than {MAX_BODY_BYTES} bytes")
        return signed.decode("ascii", "replace").strip()

    def _genuine(self, signed: str) -> StatusListToken:
        verifier = self._state.keys.verifier
        if verifier is None:
            raise BadAnswer("the keys are not here yet")
        lists = Verifier(verifier.keys, TYPE, max_bytes=MAX_BODY_BYTES)
        try:
            return msgspec.convert(lists.verify(signed).claims, StatusListToken)
        except JoseError as error:
            if error.reason == "unknown_key":
                self._state.keys.missed(self._surroundings.clock())
            raise
