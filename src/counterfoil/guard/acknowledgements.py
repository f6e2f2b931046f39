"""What a guard owes its issuer while somebody waits for a receipt: word of how far it has come.

Only what is proved is acknowledged, for what was only heard may be false.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.net.event_stream import Event
from counterfoil.net.http import BadAnswer, HttpClient, HttpFailure
from counterfoil.oauth.feed import Position, position_from
from counterfoil.oauth.receipts import Acknowledgement, Welcome

logger = logging.getLogger(__name__)
TRIES: Final = 5
LEAVES_WITHIN: Final = 3.0
"""Seconds that a guard takes at most to say that it stops."""


class Acknowledgements:
    """Answers the questions that come down one line. They belong to that line alone."""

    def __init__(self, state: IssuerState) -> None:
        self._state = state
        self._welcome: Welcome | None = None
        self._asked: Position | None = None
        self._owes = asyncio.Event()

    def begin(self) -> None:
        """Forget what was asked on the line before. To be called in the line's event loop."""
        self._welcome = self._asked = None
        self._owes = asyncio.Event()

    def take(self, event: Event) -> None:
        """Take an event of the feed; what is not about acknowledging is passed over."""
        match event.name:
            case "welcome":
                self._greet(event.data)
            case "acknowledge":
                self._asked = position_from(event.data)
        if self.due is not None:
            self._owes.set()

    @property
    def due(self) -> Acknowledgement | None:
        """What is to be sent now; ``None`` where nothing was asked that is proved by now."""
        proven = self._state.notices.proven
        if self._welcome is None or self._asked is None or proven is None:
            return None
        if not self._state.notices.has_proved(self._asked):
            return None
        return Acknowledgement(self._welcome.follower, str(proven))

    async def keep(self, http: HttpClient, url: str, wait_after: Callable[[int], float]) -> None:
        """Send what is due, as it falls due, until cancelled. ``wait_after`` so many failures."""
        while True:
            await self._owes.wait()
            self._owes.clear()
            if self.due is None:
                continue  # that has been said; what was asked since is not proved yet
            asked = self._asked
            for failures in range(1, TRIES + 1):
                if await self._sent(http, url):
                    break
                await asyncio.sleep(wait_after(failures))
            if self._asked == asked:
                self._asked = None

    async def take_leave(self, http: HttpClient, url: str) -> None:
        """Say that this guard stops, if that can be said quickly: else it is missed for a while."""
        proven, welcome = self._state.notices.proven, self._welcome
        if welcome is None or proven is None:
            return
        said = Acknowledgement(welcome.follower, str(proven), leaves=True)
        with suppress(HttpFailure, TimeoutError):
            async with asyncio.timeout(LEAVES_WITHIN):
                await http.post_json(url, msgspec.json.encode(said))

    async def _sent(self, http: HttpClient, url: str) -> bool:
        due = self.due
        if due is None:
            return True
        try:
            await http.post_json(url, msgspec.json.encode(due))
        except BadAnswer as error:
            logger.warning("%s: what it asked to be told is not taken: %s", self._url, error)
        except HttpFailure as error:
            logger.info("%s: it cannot be told how far this guard is: %s", self._url, error)
            return False
        return True

    @property
    def _url(self) -> str:
        return self._state.issuer.url

    def _greet(self, data: str) -> None:
        try:
            self._welcome = msgspec.json.decode(data, type=Welcome)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return
        if self._state.issuer.credentials is not None and not self._welcome.known_as:
            logger.warning("%s does not take the credentials: this guard has no name", self._url)
