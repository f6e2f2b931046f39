"""The holder: tokens that are always good, for blocking code and for async code.

One refresh at a time: the cache's lock, for all who share the cache; and before it one of this
process, whose threads or tasks then wake up in turn and need not look again and again.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from counterfoil.client.cache import Entry
from counterfoil.client.call import Call, Calls, Places
from counterfoil.client.errors import CacheUnusable
from counterfoil.client.holding import Holding, Wish
from counterfoil.client.requests_auth import RequestsAuth
from counterfoil.client.tokens import Tokens
from counterfoil.net.exchange import Answer, AsyncSender, BlockingSender, Message, Request

if TYPE_CHECKING:
    from counterfoil.net.token_auth import AsyncAuth, BlockingAuth

GET: Final = Message("GET")
PATIENCE: Final = 60.0
"""Seconds for which a holder waits for another process that holds the lock."""
_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.1


class Holder:
    """Holds tokens and keeps them fresh. Threads may share it. Made by `Client.holder`.

    Whoever asks gets tokens that are good, `SignInNeeded` where only a person can help,
    `HttpFailure` where the server does not answer and the old tokens have ended, and
    `CacheUnusable` where they cannot be kept.
    """

    def __init__(self, holding: Holding, sender: BlockingSender) -> None:
        self._holding = holding
        self._sender = sender
        self._lock = threading.Lock()

    @property
    def entry(self) -> Entry:
        """Whose tokens, and what for."""
        return self._holding.entry

    def take(self, tokens: Tokens) -> None:
        """Hold the tokens of a sign-in, instead of whatever was held."""
        with self._lock, self._locked():
            self._holding.begun_with(tokens)

    def tokens(self, resource: str = "", refused: str = "") -> Tokens:
        """Give good tokens; ``resource``: for another API than the holder's own.

        ``refused`` is an access token that was refused: another one is given.
        """
        wish = Wish(resource, refused)
        found = self._holding.known(wish)
        if found is not None:
            return found
        with self._lock:
            found = self._holding.known(wish)
            if found is not None:
                return found
            with self._locked():
                return self._sender.run(self._holding.renewed(wish))

    def access_token(self, resource: str = "") -> str:
        """Give the text of a good access token."""
        return self.tokens(resource).access_token

    def narrowed(self, resource: str = "", **narrowing: str) -> Tokens:
        """Get an access token that is good for less, beside the one that is held: it is not kept.

        ``narrowing``: parameters of the token request, such as ``max_uses="1"``, ``lifetime="60"``,
        ``url="https://…"``.

        Raises:
            ValueError: nothing narrows it.
        """
        wish = narrowing_wish(resource, narrowing)
        with self._lock, self._locked():
            return self._sender.run(self._holding.renewed(wish))

    def fetch(self, url: str, message: Message = GET, resource: str = "") -> Answer:
        """Call an API below the holder's resource, or below another one. Gives the answer as it is.

        Where the token is refused as such, it is replaced and the call made once more.

        Raises:
            ValueError: the URL is not below the resource: the token is not for it.
        """
        place = resource or self.entry.resource
        call = calls_of(self._holding, (place,) if place else ()).call(url, may_repeat=True)
        while True:
            tokens = self.tokens(resource, call.refused)
            answer = self._sender.send(request_of(call, tokens, url, message))
            if not call.heard(url, answer.status, headers_of(answer)):
                return answer

    def end(self) -> None:
        """Give the tokens back to the server, and forget them; they are forgotten in any case."""
        with self._lock, self._locked():
            kept = self._holding.taken_out()
        if kept is not None:
            last = kept.tokens.refresh_token or kept.tokens.access_token
            self._sender.run(self._holding.flows.revoke(last))

    def auth(self, *addresses: str) -> "BlockingAuth[Tokens]":
        """Give what ``httpx2.Client`` takes as ``auth``, for these addresses and no other.

        Default: the holder's ``resource``. The token is never attached to a request elsewhere,
        which raises ``ValueError``.
        """
        from counterfoil.net.token_auth import BlockingAuth

        return BlockingAuth(self._calls(addresses), self._other_than)

    def requests_auth(self, *addresses: str) -> RequestsAuth:
        """Give what ``requests`` takes as ``auth``; the addresses as for :meth:`auth`."""
        return RequestsAuth(self._calls(addresses), self._other_than)

    def _other_than(self, refused: str) -> Tokens:
        return self.tokens(refused=refused)

    def _calls(self, addresses: tuple[str, ...]) -> Calls:
        return calls_of(self._holding, addresses)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        for pause in _pauses():
            unlock = self._holding.cache.try_lock(self.entry)
            if unlock is not None:
                break
            time.sleep(pause)
        else:
            raise _held_by_another()
        try:
            yield
        finally:
            unlock()

    def __repr__(self) -> str:
        return f"Holder({self.entry!r})"


class AsyncHolder:
    """The same for async code. It belongs to one event loop; it raises as `Holder`."""

    def __init__(self, holding: Holding, sender: AsyncSender) -> None:
        self._holding = holding
        self._sender = sender
        self._lock = asyncio.Lock()

    @property
    def entry(self) -> Entry:
        """Whose tokens, and what for."""
        return self._holding.entry

    async def take(self, tokens: Tokens) -> None:
        """As :meth:`Holder.take`."""
        async with self._lock, self._locked():
            self._holding.begun_with(tokens)

    async def tokens(self, resource: str = "", refused: str = "") -> Tokens:
        """As :meth:`Holder.tokens`. Whoever is cancelled leaves a refresh that goes on."""
        wish = Wish(resource, refused)
        found = self._holding.known(wish)
        if found is not None:
            return found
        # An answer that nobody waits for must be kept all the same: the old token is spent.
        renewal = asyncio.create_task(self._renewed(wish))
        renewal.add_done_callback(_heed)
        return await asyncio.shield(renewal)

    async def access_token(self, resource: str = "") -> str:
        """As :meth:`Holder.access_token`."""
        return (await self.tokens(resource)).access_token

    async def narrowed(self, resource: str = "", **narrowing: str) -> Tokens:
        """As :meth:`Holder.narrowed`. Whoever is cancelled leaves a refresh that goes on."""
        asking = asyncio.create_task(self._narrowed(narrowing_wish(resource, narrowing)))
        asking.add_done_callback(_heed)
        return await asyncio.shield(asking)

    async def _narrowed(self, wish: Wish) -> Tokens:
        async with self._lock, self._locked():
            return await self._sender.run(self._holding.renewed(wish))

    async def fetch(self, url: str, message: Message = GET, resource: str = "") -> Answer:
        """As :meth:`Holder.fetch`."""
        place = resource or self.entry.resource
        call = calls_of(self._holding, (place,) if place else ()).call(url, may_repeat=True)
        while True:
            tokens = await self.tokens(resource, call.refused)
            answer = await self._sender.send(request_of(call, tokens, url, message))
            if not call.heard(url, answer.status, headers_of(answer)):
                return answer

    async def end(self) -> None:
        """As :meth:`Holder.end`."""
        async with self._lock, self._locked():
            kept = self._holding.taken_out()
        if kept is not None:
            last = kept.tokens.refresh_token or kept.tokens.access_token
            await self._sender.run(self._holding.flows.revoke(last))

    def auth(self, *addresses: str) -> "AsyncAuth[Tokens]":
        """Give what ``httpx2.AsyncClient`` takes as ``auth``; else as :meth:`Holder.auth`."""
        from counterfoil.net.token_auth import AsyncAuth

        return AsyncAuth(calls_of(self._holding, addresses), self._other_than)

    async def _other_than(self, refused: str) -> Tokens:
        return await self.tokens(refused=refused)

    async def _renewed(self, wish: Wish) -> Tokens:
        async with self._lock:
            found = self._holding.known(wish)
            if found is not None:
                return found
            async with self._locked():
                return await self._sender.run(self._holding.renewed(wish))

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        for pause in _pauses():
            unlock = self._holding.cache.try_lock(self.entry)
            if unlock is not None:
                break
            await asyncio.sleep(pause)
        else:
            raise _held_by_another()
        try:
            yield
        finally:
            unlock()

    def __repr__(self) -> str:
        return f"AsyncHolder({self.entry!r})"


def narrowing_wish(resource: str, narrowing: Mapping[str, str]) -> Wish:
    """Wish for a token that is good for less.

    Raises:
        ValueError: nothing narrows it.
    """
    if not narrowing:
        raise ValueError('say what makes less of the token, such as max_uses="1"')
    return Wish(resource, narrowing=narrowing)


def request_of(call: Call, tokens: Tokens, url: str, message: Message) -> Request:
    """Write one try of a call. Headers of one's own never replace those that prove who calls."""
    proving = {"authorization", "dpop"}
    own = {name: value for name, value in message.headers.items() if name.lower() not in proving}
    shown = call.headers(tokens, message.method)
    bare = msgspec.structs.replace(message, headers=own)
    authorization, proof = shown["Authorization"], shown.get("DPoP", "")
    return Request(url, authorization=authorization, proof=proof, message=bare)


def headers_of(answer: Answer) -> dict[str, str]:
    """Give the headers of an answer that a call heeds."""
    return {"www-authenticate": answer.www_authenticate, "dpop-nonce": answer.dpop_nonce}


def calls_of(holding: Holding, addresses: tuple[str, ...]) -> Calls:
    """Say where a holder's tokens may go: to the addresses, or else to its own API."""
    resource = holding.entry.resource
    places = Places.of(addresses or ((resource,) if resource else ()))
    return Calls(places, holding.flows.headers, holding.flows.prover)


def _pauses() -> Iterator[float]:
    """Give how long to wait between two tries, until the patience is at its end."""
    waited, pause = 0.0, _FIRST_PAUSE
    while waited < PATIENCE:
        yield pause
        waited, pause = waited + pause, min(pause * 1.5, _LONGEST_PAUSE)


def _held_by_another() -> CacheUnusable:
    return CacheUnusable(
        f"another process has held the lock of these tokens for {PATIENCE:.0f} seconds: look for it"
    )


def _heed(renewal: "asyncio.Task[Tokens]") -> None:
    """Take the error of a refresh that nobody waits for any more; the next asker meets it anew."""
    if not renewal.cancelled():
        renewal.exception()
