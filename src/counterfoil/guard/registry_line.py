"""The line on which a guard learns of issued tokens: it says who it is, and reconnects for ever."""

import asyncio
import logging
from typing import Final
from urllib.parse import urlencode

import msgspec

from counterfoil.guard.discovery import discover
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.line import Surroundings
from counterfoil.guard.registry import Registry
from counterfoil.net.event_stream import Event
from counterfoil.net.http import BadAnswer, HttpClient, HttpFailure
from counterfoil.oauth.registry import entries_in

FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0

NOT_HEARD: Final = "the registry is not heard"

logger = logging.getLogger(__name__)


class RegistryLine:
    """Holds the line to the registry of one issuer."""

    def __init__(self, registry: Registry, state: IssuerState, surroundings: Surroundings) -> None:
        self._registry = registry
        self._issuer = state.issuer
        self._troubles = state.troubles
        self._surroundings = surroundings

    async def hold(self, http: HttpClient) -> None:
        """Follow until cancelled."""
        failures = 0
        while True:
            try:
                await self._follow(http)
                failures = 0
            except (HttpFailure, msgspec.MsgspecError) as error:
                failures += 1
                now = self._surroundings.clock()
                self._troubles.begin(NOT_HEARD, str(error), now)
            except Exception:
                failures += 1
                logger.exception("%s: following the registry failed", self._issuer.url)
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures, 10))
            await asyncio.sleep(wait * (0.5 + self._surroundings.chance() / 2))

    async def _follow(self, http: HttpClient) -> None:
        """Follow until the server ends the stream."""
        credentials = self._issuer.credentials
        endpoint = (await discover(http, self._issuer.url)).registry_endpoint
        if not endpoint or credentials is None:
            raise BadAnswer("it keeps no registry that guards can follow")
        url = f"{endpoint}?{urlencode({'audience': self._registry.audience})}"
        basic = (credentials.client_id, credentials.client_secret)
        cursor = self._registry.cursor
        headers = {"Last-Event-ID": cursor} if cursor else {}
        async with http.events(url, headers, basic) as events:
            async for event in events:
                self._take(event)

    def _take(self, event: Event) -> None:
        if event.name == "tokens":
            self._registry.learn(entries_in(event.data), self._surroundings.clock())
            self._registry.cursor = event.last_id
            self._troubles.end(NOT_HEARD)
            self._surroundings.progress()
