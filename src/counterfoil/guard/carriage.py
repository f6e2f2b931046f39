"""Going by a carrier: for as long as it brings what the issuer has signed, whole and in time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Final

from counterfoil.guard.carried import CarriedReader
from counterfoil.guard.feed_reader import FeedReader
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.notices import SKEW, Verdict
from counterfoil.guard.policy import Carrier
from counterfoil.guard.snapshot_reader import Untrusted
from counterfoil.net.carrier import CarrierDown, CarrierFloods, Listening
from counterfoil.oauth.feed import carried

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds before a carrier that was given up is tried again; each time the pause is doubled."""
STEADY: Final = 60.0
"""Seconds after which it has made good for having been given up before."""
OVERLAP: Final = SKEW + 5.0
"""How many seconds before the last word from the issuer a replay begins."""
REOPEN_WITHIN: Final = 2.0
"""Seconds for connecting anew, at whichever server, before the guard goes to the issuer."""
_REOPEN_WAIT: Final = 0.2
_NAMES: Final = 1_000_000
_NOTHING_NEW: Final = "nothing comes that the issuer has just signed"

logger = logging.getLogger(__name__)
Opens = Callable[[int], Awaitable[Listening]]
"""Connects to a carrier; the number spreads guards over its servers."""


def opening(carrier: Carrier, iss: str) -> Opens:
    """Say how to connect to the carrier of an issuer.

    Raises:
        ValueError: where its library is missing.
    """
    needs_nkeys = carrier.credentials_file is not None
    if find_spec("nats") is None or (needs_nkeys and find_spec("nkeys") is None):
        raise ValueError(f"{iss}: a carrier needs NATS: pip install 'counterfoil[nats]'")
    from counterfoil.net.jetstream import Listener

    cluster, names = carrier.cluster(), carried(iss)
    return lambda first: Listener.open(cluster, names, first)


class Carriage:
    """The carrier of one issuer, as one guard uses it, in one event loop.

    While the guard hears the issuer's own feed, the carrier is watched until it ``has_come``: it
    brings a head that the issuer has just signed. Then the guard may ``ride``.
    """

    def __init__(
        self, state: IssuerState, reader: FeedReader, sources: "Sources", carrier: Carrier
    ) -> None:
        self._state = state
        self._clock, self._chance, self._opens = sources
        self._reader = CarriedReader(state.notices, reader)
        self._silence = carrier.silence
        self._lag = min(carrier.silence + SKEW, state.staleness.budget)
        self._coming: asyncio.Task[tuple[Listening, bytes]] | None = None
        self._failures = 0
        self._again_at = 0.0
        self._is_told = False
        self.rides = False
        """Whether the guard goes by it now."""

    def start(self) -> None:
        """Forget what was begun in another event loop: after a fork that is the parent's."""
        self._coming, self._again_at, self.rides = None, 0.0, False

    def begin(self) -> "asyncio.Task[tuple[Listening, bytes]]":
        """Watch the carrier, if it is not watched yet; what is given is done when it has come."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._come())
        return self._coming

    @property
    def has_come(self) -> bool:
        """Whether one can go by it."""
        return self._coming is not None and self._coming.done()

    async def end(self) -> None:
        """Leave the carrier alone."""
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
            if not coming.cancelled():
                await coming.result()[0].close()

    async def ride(self, taken: Callable[[], None]) -> None:
        """Go by the carrier, once it has come, until it must be given up.

        ``taken`` is called after each piece.
        """
        listening, first = await self.begin()
        self._coming = None
        begun = asyncio.get_running_loop().time()
        logger.info("%s: goes by its carrier", self._url)
        self._is_told = False
        self._reader.begin()
        self.rides = True
        try:
            why = await _Ride(self, listening, taken).go(first)
        except Exception as error:
            logger.exception("%s: going by its carrier failed", self._url)
            why = type(error).__name__
        finally:
            self.rides = False
        taken()
        if asyncio.get_running_loop().time() >= begun + STEADY:
            self._failures = 0
        self._give_up(why)

    async def open(self) -> Listening:
        """Connect to the carrier. Raises ``CarrierDown``."""
        return await self._opens(int(self._chance() * _NAMES))

    async def replay(self, listening: Listening) -> None:
        """Fetch what may have been missed, if it was kept: if not, the gap will show."""
        since = self._state.notices.fresh_at - OVERLAP
        if since > 0:
            with suppress(CarrierDown):
                await listening.replay(since)

    def take(self, data: bytes) -> tuple[bool, bool]:
        """Take a piece; say whether it was sound, and whether it made the guard fresh in time."""
        fresh_at, now = self._state.notices.fresh_at, self._clock()
        verdict = self._reader.take(data, now)
        is_fresher = self._state.notices.fresh_at > fresh_at
        in_time = is_fresher and now <= self._state.notices.fresh_at + self._lag
        return verdict is Verdict.GO_ON, in_time

    @property
    def silence(self) -> float:
        """For how many seconds to wait, this time: not all guards leave at the same moment."""
        return self._silence * (0.8 + self._chance() / 5)

    @property
    def reopen_wait(self) -> float:
        """How long to wait before connecting anew."""
        return _REOPEN_WAIT * (0.5 + self._chance())

    @property
    def _url(self) -> str:
        return self._state.issuer.url

    async def _come(self) -> tuple[Listening, bytes]:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, self._again_at - loop.time()))
            try:
                return await self._watch()
            except (CarrierDown, Untrusted) as error:
                self._give_up(str(error))
            except Exception as error:
                logger.exception("%s: watching its carrier failed", self._url)
                self._give_up(type(error).__name__)

    async def _watch(self) -> tuple[Listening, bytes]:
        listening = await self.open()
        try:
            async with asyncio.timeout(self._silence):
                while True:
                    data = await listening.next()
                    if self._reader.is_up_to_date(data, self._clock(), self._silence):
                        break
                await self.replay(listening)
        except TimeoutError:
            await listening.close()
            raise CarrierDown(_NOTHING_NEW) from None
        except BaseException:
            await listening.close()
            raise
        return listening, data

    def _give_up(self, why: str) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._again_at = asyncio.get_running_loop().time() + pause * (0.5 + self._chance() / 2)
        level = logging.DEBUG if self._is_told else logging.WARNING
        self._is_told = True
        logger.log(level, "%s: goes by its own feed, not by the carrier: %s", self._url, why)


Sources = tuple[Callable[[], float], Callable[[], float], Opens]
"""The time, chance between 0 and 1, and the way to the carrier."""


class _Ride:
    """One time of going by the carrier: broken connections are made anew while there is time."""

    def __init__(self, carriage: Carriage, listening: Listening, taken: Callable[[], None]) -> None:
        self._carriage = carriage
        self._listening = listening
        self._taken = taken
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + carriage.silence

    async def go(self, first: bytes) -> str:
        """Go; say why it ends."""
        try:
            data = first
            while self._take(data):
                async with asyncio.timeout_at(self._until):
                    data = await self._next()
        except TimeoutError:
            return _NOTHING_NEW
        except CarrierDown as error:
            return str(error)
        finally:
            await self._listening.close()
        return "it does not bring what the issuer has signed, or not all of it"

    def _take(self, data: bytes) -> bool:
        is_sound, in_time = self._carriage.take(data)
        self._taken()
        if in_time:
            self._until = self._loop.time() + self._carriage.silence
        return is_sound

    async def _next(self) -> bytes:
        await asyncio.sleep(0)  # a flood must not hold up everything else
        while True:
            try:
                return await self._listening.next()
            except CarrierFloods:
                raise
            except CarrierDown as error:
                logger.debug("the carrier: %s", error)
            await self._listening.close()
            await self._reopen()

    async def _reopen(self) -> None:
        gives_up_at = self._loop.time() + REOPEN_WITHIN
        while True:
            await asyncio.sleep(self._carriage.reopen_wait)
            try:
                self._listening = await self._carriage.open()
                break
            except CarrierDown:
                if self._loop.time() >= gives_up_at:
                    raise
        await self._carriage.replay(self._listening)
