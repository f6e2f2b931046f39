"""The line to one issuer: its metadata, its keys and its notices, kept up to date for ever."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from msgspec import Struct

from counterfoil.guard.acknowledgements import Acknowledgements
from counterfoil.guard.carriage import Carriage, opening
from counterfoil.guard.discovery import Metadata, discover
from counterfoil.guard.feed_reader import FeedReader, KeptFeed
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.kept import Kept, KeptFile
from counterfoil.guard.kept_notices import Draft, KeptNotices
from counterfoil.guard.notices import Verdict
from counterfoil.guard.snapshot_reader import Untrusted
from counterfoil.jose.errors import JoseError
from counterfoil.net.event_stream import Event
from counterfoil.net.http import BadAnswer, HttpClient, HttpFailure
from counterfoil.oauth.receipts import INTRODUCTION, Introduction
from counterfoil.oauth.snapshot import MEDIA_TYPE

FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0
SAVE_EVERY: Final = 5.0
FORGET_EVERY: Final = 30.0
MANY_LINES: Final = 5
NO_KEYS: Final = "no keys"
LINE_DOWN: Final = "the line is down"
_FAILURES: Final = (HttpFailure, JoseError, Untrusted)

logger = logging.getLogger(__name__)


class Surroundings(Struct, frozen=True):
    """What a line takes from outside: the time, chance between 0 and 1, and whom to tell.

    ``progress`` is called after everything that was taken in; ``name`` draws a name that nobody can
    guess.
    """

    clock: Callable[[], float]
    chance: Callable[[], float]
    progress: Callable[[], None]
    name: Callable[[], str]


class Line:
    """Holds the line to one issuer. It reconnects for as long as it is held."""

    def __init__(
        self, state: IssuerState, surroundings: Surroundings, state_dir: Path | None
    ) -> None:
        self._state = state
        self._clock = surroundings.clock
        self._chance = surroundings.chance
        self._progress = surroundings.progress
        self._draw = surroundings.name
        self._name = ""
        url = state.issuer.url
        self._file = KeptFile(state_dir, url) if state_dir else None
        has_notices = state_dir is not None and state.issuer.revocation == "feed"
        self._kept_notices = KeptNotices(state_dir, url) if state_dir and has_notices else None
        self._reader = FeedReader(state, keeps=state_dir is not None)
        self._acknowledgements = Acknowledgements(state)
        self._carriage = self._carriage_of(surroundings)
        self._metadata: Metadata | None = None
        self._feed_url = ""
        self._jwks: dict[str, object] = {}
        self._feed_jwks: dict[str, object] = {}
        self._needs_snapshot = False
        self._is_leaving = False
        self._proved_at = float("-inf")
        self._wanted = asyncio.Event()
        self._discovered = asyncio.Event()

    async def hold(self, http: HttpClient) -> None:
        """Fetch and follow until cancelled; then save what is kept."""
        self._wanted, self._discovered = asyncio.Event(), asyncio.Event()
        self._is_leaving = False
        self._name = self._draw()  # anew after a fork, for there are two guards then
        self._state.keys.due = 0.0
        if self._carriage is not None:
            self._carriage.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._restore()
                tasks.create_task(self._keep_keys(http))
                if self._state.issuer.revocation == "feed":
                    tasks.create_task(self._keep_notices(http))
                    tasks.create_task(self._keep_house())
        finally:
            if self._carriage is not None:
                await self._carriage.end()
            self._save()

    def _carriage_of(self, surroundings: Surroundings) -> Carriage | None:
        issuer = self._state.issuer
        if issuer.carrier is None:
            return None
        sources = surroundings.clock, surroundings.chance, opening(issuer.carrier, issuer.url)
        return Carriage(self._state, self._reader, sources, issuer.carrier)

    def wake(self) -> None:
        """Look again at when keys are due. To be called in the line's own event loop."""
        self._wanted.set()

    async def _keep_keys(self, http: HttpClient) -> None:
        failures = 0
        while True:
            try:
                await self._fetch_keys(http)
                failures = 0
                self._state.troubles.end(NO_KEYS)
            except _FAILURES as error:
                failures += 1
                self._postpone(failures)
                self._state.troubles.begin(NO_KEYS, str(error), self._clock())
            except Exception:
                failures += 1
                self._postpone(failures)
                logger.exception("%s: fetching keys failed", self._state.issuer.url)
            self._progress()
            await self._until_due()

    async def _fetch_keys(self, http: HttpClient) -> None:
        state, now = self._state, self._clock()
        metadata = await discover(http, state.issuer.url)
        jwks, date = await http.get_dated_json(metadata.jwks_uri)
        if state.issuer.revocation != "feed" and date is not None:
            state.skew = float(round(date - self._clock()))
        state.keys.take(jwks)
        state.keys.looked(now)
        state.introspection_endpoint = metadata.introspection_endpoint
        state.allowances_endpoint = metadata.allowances_endpoint
        self._metadata, self._jwks = metadata, jwks
        if state.issuer.revocation == "feed":
            if not metadata.notices_endpoint:
                raise BadAnswer("it publishes no notices: choose another way of revocation for it")
            self._feed_jwks = await http.get_json(metadata.notices_jwks_uri)
            state.feed_keys.take(self._feed_jwks)
            self._feed_url = metadata.notices_endpoint
        state.feed_keys.looked(now)
        self._discovered.set()

    def _postpone(self, failures: int) -> None:
        now = self._clock()
        for keys in (self._state.keys, self._state.feed_keys):
            keys.looked(now, self._wait_after(failures))

    async def _until_due(self) -> None:
        while True:
            self._wanted.clear()
            due = min(self._state.keys.due, self._state.feed_keys.due)
            wait = due - self._clock()
            if wait <= 0:
                return
            try:
                async with asyncio.timeout(wait):
                    await self._wanted.wait()
            except TimeoutError:
                return

    async def _keep_notices(self, http: HttpClient) -> None:
        failures = 0
        while True:
            fresh_at = self._state.notices.fresh_at
            try:
                await self._discovered.wait()
                await self._follow(http)
            except _FAILURES as error:
                self._state.troubles.begin(LINE_DOWN, str(error), self._clock())
            except Exception:
                logger.exception("%s: following the notices failed", self._state.issuer.url)
                if self._is_leaving:
                    return  # or it went on, and whoever stops it waited in vain
            failures = 1 if self._state.notices.fresh_at > fresh_at else failures + 1
            if failures == MANY_LINES:
                why = "it is cut again and again before anything is proved"
                self._state.troubles.begin(LINE_DOWN, why, self._clock())
            await asyncio.sleep(self._wait_after(failures))

    async def _follow(self, http: HttpClient) -> None:
        url = self._feed_url
        if self._needs_snapshot or self._state.notices.position is None:
            await self._take_snapshot(http, f"{url}/snapshot")
        carriage = self._carriage
        if carriage is not None:
            carriage.begin()
        if carriage is None or not carriage.has_come:
            await self._follow_issuer(http, url)
        if carriage is not None and carriage.has_come and not self._needs_snapshot:
            await carriage.ride(self._after_taking)

    async def _follow_issuer(self, http: HttpClient, url: str) -> None:
        """Follow the issuer's own feed: to its end, or until a carrier has come."""
        self._acknowledgements.begin()
        said_at = f"{url}/acknowledgements"
        acknowledging = asyncio.create_task(
            self._acknowledgements.keep(http, said_at, self._wait_after)
        )
        try:
            await self._listen(http, url, said_at)
        finally:
            acknowledging.cancel()

    async def _listen(self, http: HttpClient, url: str, said_at: str) -> None:
        headers, basic = self._introduction()
        coming = {self._carriage.begin()} if self._carriage is not None else set()
        async with http.events(url, headers, basic) as events:
            self._state.counts.lines.add()
            taking = asyncio.create_task(self._take_all(events))
            try:
                # To cancel a reader breaks its line; and while this guard takes its leave the line
                # must stand, or it would be missed already.
                await asyncio.wait({taking, *coming}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self._is_leaving = True
                await self._acknowledgements.take_leave(http, said_at)
                raise
            finally:
                taking.cancel()
                await asyncio.wait({taking})
            if not taking.cancelled():
                await taking

    async def _take_all(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            if self._is_leaving:
                return
            verdict = self._reader.take(event, self._clock())
            self._acknowledgements.take(event)
            self._after_taking()
            if verdict is not Verdict.GO_ON:
                self._needs_snapshot = verdict is Verdict.TAKE_SNAPSHOT
                return

    def _introduction(self) -> tuple[dict[str, str], tuple[str, str] | None]:
        """Say to the feed where to go on, what this guard will do when it hears nothing, and who.

        One with a carrier says nothing of itself: its line is here for a while and then is not, so
        that nobody may wait for it, nor count on it.
        """
        state, position = self._state, self._state.notices.position
        headers = {} if position is None else {"Last-Event-ID": str(position)}
        if self._carriage is not None:
            return headers, None
        guard = str(Introduction(state.staleness.then, state.tolerance, self._name))
        known = state.issuer.credentials
        basic = None if known is None else (known.client_id, known.client_secret)
        return {**headers, INTRODUCTION: guard}, basic

    async def _take_snapshot(self, http: HttpClient, url: str) -> None:
        kept = self._kept_notices
        with kept.draft() if kept else nullcontext() as draft:
            snapshot = self._reader.snapshot(self._clock())
            async with http.pieces(url, MEDIA_TYPE) as pieces:
                async for piece in pieces:
                    snapshot.feed(piece)
                    if draft is not None:
                        draft.write(piece)
            begun = self._reader.begin(snapshot, self._clock())
            self._after_taking()
            # Where it lies behind what is known, the feed may still be resumed from there.
            self._needs_snapshot = False
            if not begun:
                raise Untrusted(f"the snapshot at {url} lies behind what is known, or ahead of us")
            if kept is not None and draft is not None:
                self._keep(kept, draft)

    def _after_taking(self) -> None:
        state = self._state
        if state.notices.fresh_at > self._proved_at:
            self._proved_at = state.notices.fresh_at
            state.troubles.end(LINE_DOWN)
        if state.notices.keys_changed:
            state.notices.keys_changed = False
            state.keys.changed(self._clock())
        self._wanted.set()
        self._progress()

    async def _keep_house(self) -> None:
        forgot_at = self._clock()
        while True:
            await asyncio.sleep(SAVE_EVERY)
            self._save()
            if self._clock() - forgot_at >= FORGET_EVERY:
                forgot_at = self._clock()
                self._state.notices.forget(forgot_at)

    def _restore(self) -> None:
        if self._file is None or self._state.notices.position is not None:
            return
        try:
            kept = self._file.load()
            if kept is None:
                return
            self._state.keys.take(kept.jwks)
            self._metadata, self._jwks, self._feed_jwks = kept.metadata, kept.jwks, kept.feed_jwks
            self._state.introspection_endpoint = kept.metadata.introspection_endpoint
            self._state.allowances_endpoint = kept.metadata.allowances_endpoint
            if self._kept_notices is not None:
                self._state.feed_keys.take(kept.feed_jwks)
                pieces, lines = self._kept_notices.pieces(), self._kept_notices.lines()
                self._reader.restore(KeptFeed(pieces, lines, kept.head), self._clock())
        except (ValueError, OSError, *_FAILURES) as error:
            logger.warning("%s: what was kept is not used: %s", self._state.issuer.url, error)
        self._progress()

    def _save(self) -> None:
        if self._file is None or self._metadata is None:
            return
        try:
            if self._kept_notices is not None:
                self._kept_notices.append(self._reader.take_lines())
            self._file.save(Kept(self._metadata, self._jwks, self._feed_jwks, self._reader.head))
        except (OSError, ValueError) as error:
            logger.warning("%s: nothing can be kept: %s", self._state.issuer.url, error)

    def _keep(self, kept: KeptNotices, draft: Draft) -> None:
        try:
            kept.keep(draft)
        except OSError as error:
            logger.warning("%s: no snapshot can be kept: %s", self._state.issuer.url, error)

    def _wait_after(self, failures: int) -> float:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 10))
        return wait * (0.5 + self._chance() / 2)
