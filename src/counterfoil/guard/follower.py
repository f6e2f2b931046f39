"""The background thread of a guard: one thread, one event loop, a line to each issuer."""

import asyncio
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.line import Line, Surroundings
from counterfoil.guard.registry_line import RegistryLine
from counterfoil.guard.report_line import ReportLine
from counterfoil.guard.status_line import StatusLine
from counterfoil.guard.token import Token
from counterfoil.guard.use_line import WAIT, UseLine
from counterfoil.guard.watch import Watch
from counterfoil.net.http import HttpClient
from counterfoil.net.own_loop import OwnLoop
from counterfoil.oauth.allowances import WantedAct

STOP_WITHIN: Final = 5.0
FETCH_WITHIN: Final = 10.0
"""Seconds for which a request waits for a status list."""

T = TypeVar("T")


class Follower:
    """Keeps the states of all issuers up to date. It alone writes them.

    After a fork the child has a thread of its own, if the parent had one.
    """

    def __init__(
        self,
        states: Sequence[IssuerState],
        clock: Callable[[], float],
        state_dir: Path | None = None,
    ) -> None:
        self._states = states
        self._clock = clock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        chance, name = secrets.SystemRandom().random, partial(secrets.token_urlsafe, 16)
        surroundings = Surroundings(clock, chance, self._tell, name)
        self._lines = [Line(state, surroundings, state_dir) for state in states]
        self._registry_lines = [
            RegistryLine(state.registry, state, surroundings)
            for state in states
            if state.registry is not None
        ]
        self._report_lines = [
            ReportLine(state.sightings, state.issuer, surroundings, troubles=state.troubles)
            for state in states
            if state.sightings is not None
        ]
        self._status_lines = {
            state.issuer.url: StatusLine(state.status_lists, state, surroundings)
            for state in states
            if state.status_lists is not None
        }
        self._use_lines = {
            state.issuer.url: UseLine(state.uses, state, surroundings)
            for state in states
            if state.uses is not None
        }
        self._watch = Watch(states, clock)
        _restart_after_fork(self)

    @property
    def is_started(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def start(self) -> None:
        """Start the thread, if it does not run."""
        with self._changed:
            if self._thread is None:
                begun = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(begun,), name="counterfoil-guard", daemon=True
                )
                self._thread.start()
                begun.wait(STOP_WITHIN)

    def stop(self) -> None:
        """End the thread and wait for it."""
        with self._changed:
            thread, self._thread = self._thread, None
            loop, stop = self._loop, self._stop
        if thread is None or loop is None or stop is None:
            return
        loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_WITHIN)

    def wake(self) -> None:
        """Have the lines look again at when keys are due. From any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # its event loop is closed
                for line in self._lines:
                    loop.call_soon_threadsafe(line.wake)

    async def off_the_loop(self, doing: Callable[[], None]) -> None:
        """Do what may take its time without holding up the caller's event loop."""
        await asyncio.to_thread(doing)

    def run(self, asking: Coroutine[Any, Any, T], timeout: float) -> T | None:
        """Have the thread do this and wait for it; ``None`` where it does not come to its end.

        Raises:
            Exception: what it raises.
        """
        begun = self._begun(asking)
        if begun is None:
            return None
        try:
            return begun.result(timeout)
        except (TimeoutError, CancelledError):
            begun.cancel()
            return None

    async def fetching(self, issuer: str, uri: str) -> bool:
        """Fetch a status list, in the thread's own event loop; ``False`` where it cannot be had."""
        return await self._status_lines[issuer].fetch(uri)

    async def fetch_list(self, issuer: str, uri: str) -> bool:
        """Have the thread fetch a status list, and wait for it in another event loop."""
        return await self._done(self.fetching(issuer, uri), FETCH_WITHIN) is True

    async def act(self, issuer: str, act: WantedAct) -> bool:
        """Have the thread count a transaction, and wait for it in another event loop.

        ``False`` where it cannot be counted in time.

        Raises:
            Rejected: as the issuer says.
        """
        line = self._use_lines.get(issuer)
        return line is not None and await self._done(_counted(line, act), WAIT) is True

    def act_blocking(self, issuer: str, act: WantedAct) -> bool:
        """Do as :meth:`act`, for code that has no event loop."""
        line = self._use_lines.get(issuer)
        return line is not None and self.run(_counted(line, act), WAIT) is True

    async def take_use(self, token: Token) -> str | None:
        """Have the thread get a use of a limited token, and wait for it in another event loop.

        Gives the key of its take; ``None`` where it cannot be had in time.

        Raises:
            Rejected: as the issuer says.
        """
        line = self._use_lines.get(token.issuer)
        return None if line is None else await self._done(line.take(token), 2 * WAIT)

    def take_use_blocking(self, token: Token) -> str | None:
        """Do as :meth:`take_use`, for code that has no event loop."""
        line = self._use_lines.get(token.issuer)
        return None if line is None else self.run(line.take(token), 2 * WAIT)

    def wait_until_fresh(self, timeout: float) -> bool:
        """Wait until every issuer can be decided on; ``False`` after ``timeout`` seconds."""
        return self.wait_until(
            lambda: all(state.is_ready(self._clock()) for state in self._states), timeout
        )

    def wait_until(self, reached: Callable[[], bool], timeout: float) -> bool:
        """Wait for something that the thread brings about; ``False`` after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(reached, timeout)

    async def _done(self, asking: Coroutine[Any, Any, T], within: float) -> T | None:
        """Do as :meth:`run`, and wait in another event loop. ``within``: seconds."""
        begun = self._begun(asking)
        if begun is None:
            return None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(begun), within)
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            if begun.cancelled() and not _is_cancelled():
                return None  # the guard was stopped, and not whoever waits
            raise

    def _begun(self, asking: Coroutine[Any, Any, T]) -> "Future[T] | None":
        """Have the thread begin with this; ``None`` where there is none, or it has ended."""
        if self._loop is not None:
            with suppress(RuntimeError):  # its event loop is closed
                return asyncio.run_coroutine_threadsafe(asking, self._loop)
        asking.close()
        return None

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self, begun: threading.Event) -> None:
        with asyncio.Runner(loop_factory=OwnLoop) as runner:
            runner.run(self._hold_lines(begun))

    async def _hold_lines(self, begun: threading.Event) -> None:
        stop = asyncio.Event()
        self._loop, self._stop = asyncio.get_running_loop(), stop
        begun.set()
        async with HttpClient() as http:
            every: list[Line | RegistryLine | ReportLine | StatusLine | UseLine]
            every = [*self._lines, *self._registry_lines, *self._report_lines]
            every += [*self._status_lines.values(), *self._use_lines.values()]
            lines = [asyncio.create_task(line.hold(http)) for line in every]
            lines.append(asyncio.create_task(self._watch.hold()))
            await stop.wait()
            # Before the issuer is told that this guard stops, for then it is missed no more.
            self._go_stale()
            for line in lines:
                line.cancel()
            await asyncio.gather(*lines, return_exceptions=True)
            self._go_stale()  # what was on its way may have come meanwhile

    def _go_stale(self) -> None:
        for state in self._states:
            state.go_stale()

    def _restart(self) -> None:
        was_started, self._thread = self._thread is not None, None
        self._changed = threading.Condition()
        self._loop = self._stop = None
        for state in self._states:
            state.leave_to_parent()
        if was_started:
            self.start()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _counted(line: UseLine, act: WantedAct) -> bool:
    await line.act(act)
    return True


def _restart_after_fork(follower: Follower) -> None:
    # A hook can never be taken back, so it must not keep the guard alive.
    reference = weakref.ref(follower)

    def restart() -> None:
        alive = reference()
        if alive is not None:
            alive._restart()

    os.register_at_fork(after_in_child=restart)
