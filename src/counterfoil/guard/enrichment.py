"""What an API knows of the person behind a token, loaded after the token stands (S67, S71).

Cached for each family of tokens, so that nobody ever gets what was loaded for another; loaded once
however many wait; dropped when the family ends, or the person is said to have changed.
"""

import asyncio
import inspect
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.guard.enrich import Enrich
from counterfoil.guard.token import Token
from counterfoil.oauth.revocations import Ended, Notice

_OF_ONE: Final = frozenset({Ended.FAMILY, Ended.TOKEN, Ended.DATA_CHANGED})
"""Notices that name what is kept for one family. The others concern many, or nothing here."""
WAIT: Final = 30.0
"""Seconds for which a thread waits for what another is loading."""


class _Key(Struct, frozen=True):
    """Whose data these are: of one user, at one issuer, by one client, in one family."""

    issuer: str
    subject: str
    client_id: str
    family: str


class Enrichment:
    """Loads, and keeps what was loaded. Threads and event loops may share it."""

    def __init__(self, policy: Enrich, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[object, float]] = OrderedDict()
        self._of_family: dict[tuple[str, str], set[_Key]] = {}
        self._loading: dict[_Key, Future[object]] = {}
        self._tasks: set[asyncio.Future[None]] = set()  # the event loop itself holds none
        self._lock = threading.Lock()
        _begin_anew_after_fork(self)

    async def enriched(self, token: Token) -> Token:
        """Give the token with its data.

        Raises:
            Exception: what ``load`` raises. Nothing is kept then.
        """
        key = _key_of(token)
        if key is None:
            return replace(token, data=await _waited_for(self._policy.load(token)))
        mine, flight = self._take_off(key)
        if mine:
            # A task of its own: that one caller goes away takes nothing from the others.
            task = asyncio.ensure_future(self._load(key, token, flight))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.shield(task)
        return replace(token, data=await asyncio.wrap_future(flight))

    def enriched_blocking(self, token: Token) -> Token:
        """Give the token with its data, where there is no event loop.

        Raises:
            TypeError: where ``load`` is a coroutine function.
            Exception: what ``load`` raises.
        """
        key = _key_of(token)
        if key is None:
            return replace(token, data=_at_once(self._policy.load(token)))
        mine, flight = self._take_off(key)
        if mine:
            try:
                data = _at_once(self._policy.load(token))
            except BaseException as error:
                self._land(key, flight, error=error)
            else:
                self._land(key, flight, data)
        return replace(token, data=flight.result(WAIT))

    def forget(self, issuer: str, notice: Notice | None) -> None:
        """Drop what belongs to something that has ended, or changed; ``None``: to anything of this
        issuer."""
        with self._lock:
            for key in self._concerned(issuer, notice):
                self._drop(key)
                self._loading.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)

    def _begin_anew(self) -> None:
        """Wait for nothing that a parent is loading: here it will never be there."""
        self._lock = threading.Lock()
        self._loading, self._tasks = {}, set()

    async def _load(self, key: _Key, token: Token, flight: "Future[object]") -> None:
        try:
            data = await _waited_for(self._policy.load(token))
        except asyncio.CancelledError:
            self._land(key, flight, error=RuntimeError("the event loop ended while it loaded"))
            raise
        except BaseException as error:
            self._land(key, flight, error=error)
        else:
            self._land(key, flight, data)

    def _take_off(self, key: _Key) -> tuple[bool, "Future[object]"]:
        """Give what is kept or being loaded; or begin, which is then the caller's to do."""
        with self._lock:
            data, until = self._kept.get(key, (None, 0.0))
            if self._clock() < until:
                self._kept.move_to_end(key)
                done: Future[object] = Future()
                done.set_result(data)
                return False, done
            flight = self._loading.get(key)
            if flight is not None:
                return False, flight
            flight = self._loading[key] = Future()
            return True, flight

    def _land(
        self,
        key: _Key,
        flight: "Future[object]",
        data: object = None,
        *,
        error: BaseException | None = None,
    ) -> None:
        with self._lock:
            # Where it was forgotten meanwhile, it has been loaded too early to be kept.
            if self._loading.get(key) is flight:
                del self._loading[key]
                if error is None:
                    self._keep(key, data)
        if error is None:
            flight.set_result(data)
        else:
            flight.set_exception(error)

    def _keep(self, key: _Key, data: object) -> None:
        self._kept[key] = data, self._clock() + self._policy.ttl
        self._kept.move_to_end(key)
        self._of_family.setdefault((key.issuer, key.family), set()).add(key)
        if len(self._kept) > self._policy.most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        if self._kept.pop(key, None) is not None:
            keys = self._of_family[key.issuer, key.family]
            keys.discard(key)
            if not keys:
                del self._of_family[key.issuer, key.family]

    def _concerned(self, issuer: str, notice: Notice | None) -> list[_Key]:
        # Notices of one family are many, so those must not look at everything that is kept.
        if notice is not None and notice.kind in _OF_ONE:
            kept = self._of_family.get((issuer, notice.name), set())
            return [*kept, *(key for key in self._loading if key.family == notice.name)]
        is_client = notice is not None and notice.kind is Ended.CLIENT
        client_id = notice.name if is_client and notice is not None else None
        return [
            key
            for key in (*self._kept, *self._loading)
            if key.issuer == issuer and client_id in (None, key.client_id)
        ]


def _begin_anew_after_fork(enrichment: Enrichment) -> None:
    # A hook can never be taken back, so it must not keep what was loaded alive.
    reference = weakref.ref(enrichment)

    def begin_anew() -> None:
        alive = reference()
        if alive is not None:
            alive._begin_anew()

    os.register_at_fork(after_in_child=begin_anew)


def _key_of(token: Token) -> _Key | None:
    """Say whose data a token asks for; ``None`` where it names nobody: then nothing is kept."""
    family = token.family or token.fingerprint
    if not token.subject or not family:
        return None
    return _Key(token.issuer, token.subject, token.client_id, family)


async def _waited_for(found: object | Awaitable[object]) -> object:
    return await found if inspect.isawaitable(found) else found


def _at_once(found: Any) -> object:
    if inspect.isawaitable(found):
        if inspect.iscoroutine(found):
            found.close()
        raise TypeError("load must be a plain function where there is no event loop")
    return found
