"""What waits in the database to be sent: looked for again and again, and tried later and later."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from counterfoil.server.records.failures import StoreUnavailable

PAUSE: Final = 1.0
"""Seconds between two looks."""
FIRST_WAIT: Final = 5
LONGEST_WAIT: Final = 15 * 60

_LOG: Final = logging.getLogger(__name__)


def wait_after(failures: int) -> int:
    """Give for how many seconds it is waited after so many failures, 1 at least."""
    return min(FIRST_WAIT << min(failures - 1, 20), LONGEST_WAIT)


class Rounds:
    """Rounds of one process; ``what`` names in the log what it sends."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to do here: it is not waited for the next look."""
        self._awake.set()

    async def run(self, tick: Callable[[], Awaitable[bool]]) -> None:
        """Send until cancelled: ``tick`` does some of it, and says whether there may be more.

        A failure is logged, and tried again: that the store is away is said once, and when it is
        back.
        """
        is_away = False
        while True:
            try:
                while await tick():
                    pass
                if is_away:
                    is_away = False
                    _LOG.warning("%s goes on", self._what)
            except StoreUnavailable:
                if not is_away:
                    is_away = True
                    _LOG.warning("%s waits: the store is not available", self._what)
            except Exception:
                _LOG.exception("%s could not be sent, and is tried again", self._what)
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):  # wait_for may swallow that it is cancelled
                    await self._awake.wait()
            self._awake.clear()
