"""The line on which a guard reports what it let pass: every few seconds, and once at the end."""

import asyncio
import logging
from typing import Final

from counterfoil.guard.discovery import discover
from counterfoil.guard.line import Surroundings
from counterfoil.guard.policy import Issuer
from counterfoil.guard.sightings import Sightings
from counterfoil.guard.troubles import Troubles
from counterfoil.net.http import BadAnswer, HttpClient, HttpFailure
from counterfoil.oauth.reports import Report, spelled

EVERY: Final = 10.0
"""Seconds between two reports, a quarter more or less, so that guards do not speak in chorus."""
LAST_WITHIN: Final = 2.0
"""Seconds that a guard which is stopped takes for what it has yet to tell."""
_NEVER_TAKEN: Final = frozenset({400, 413})

NOT_TAKEN: Final = "a report was not taken"

logger = logging.getLogger(__name__)


class ReportLine:
    """Tells one issuer. What it cannot tell now waits, within bounds, for the next time."""

    def __init__(
        self,
        sightings: Sightings,
        issuer: Issuer,
        surroundings: Surroundings,
        every: float = EVERY,
        troubles: Troubles | None = None,
    ) -> None:
        self._sightings = sightings
        self._issuer = issuer
        self._surroundings = surroundings
        self._every = every
        self._troubles = troubles or Troubles(issuer.url)
        self._endpoint = ""

    async def hold(self, http: HttpClient) -> None:
        """Tell until cancelled, and then what is left."""
        try:
            while True:
                await asyncio.sleep(self._every * (0.75 + self._surroundings.chance() / 2))
                await self._tell(http)
        finally:
            try:
                async with asyncio.timeout(LAST_WITHIN):
                    await self._tell(http)
            except TimeoutError:
                logger.warning("%s: the last report was not taken in time", self._issuer.url)

    async def _tell(self, http: HttpClient) -> None:
        try:
            await self._tell_all(http)
        except HttpFailure as error:
            self._endpoint = ""
            self._troubles.begin(NOT_TAKEN, str(error), self._surroundings.clock())
        except Exception:
            logger.exception("%s: reporting failed", self._issuer.url)

    async def _tell_all(self, http: HttpClient) -> None:
        self._sightings.gather()
        while (report := self._sightings.next_report()) is not None:
            try:
                await self._send(http, report)
            except BadAnswer as error:
                if error.status in _NEVER_TAKEN:
                    self._sightings.drop(report)
                raise
            self._sightings.told(report)
            self._troubles.end(NOT_TAKEN)
            if report.dropped:
                logger.warning("%s: %d sightings were dropped", self._issuer.url, report.dropped)
            self._surroundings.progress()

    async def _send(self, http: HttpClient, report: Report) -> None:
        if not self._endpoint:
            self._endpoint = (await discover(http, self._issuer.url)).reports_endpoint
        credentials = self._issuer.credentials
        if not self._endpoint or credentials is None:
            raise BadAnswer("it takes no reports")
        basic = (credentials.client_id, credentials.client_secret)
        await http.ask_json(self._endpoint, spelled(report), basic)
