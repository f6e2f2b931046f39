"""Says in the log, once, when it has become better or worse with an issuer."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from counterfoil.guard.health import State, issuer_health
from counterfoil.guard.issuer_state import IssuerState

EVERY: Final = 1.0
"""Seconds between two looks."""

logger = logging.getLogger("counterfoil.guard")


class Watch:
    """Looks at the issuers from the background thread; checks of tokens say nothing of it."""

    def __init__(self, states: Sequence[IssuerState], clock: Callable[[], float]) -> None:
        self._states = states
        self._clock = clock
        self._was: dict[str, State] = {}

    async def hold(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    def look(self) -> None:
        """Say what has changed since the last look."""
        for state in self._states:
            health = issuer_health(state, self._clock())
            was = self._was.get(health.url, "ready")
            self._was[health.url] = health.state
            if health.state != was:
                level = logging.INFO if health.state == "ready" else logging.WARNING
                logger.log(level, "%s", health.sentence)
