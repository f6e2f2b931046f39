"""The body of a request as it comes from the browser: bounded in length and in time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from counterfoil.bff.asgi import Receive, Request, TurnedAway
from counterfoil.bff.passing import declared_length
from counterfoil.bff.upstream import Upstream

KEPT: Final = 64 * 1024
"""Bytes that are kept, so that the request can be made once more with a fresh token."""


class Gone(Exception):
    """The browser has left; nobody waits for an answer."""


class Body:
    """Read it by ``ahead``, and where it has not ended then, by ``rest``."""

    def __init__(self, receive: Receive, request: Request, upstream: Upstream) -> None:
        self.length = declared_length(request)
        self._receive = receive
        self._upstream = upstream
        self._read = 0
        self._ended = asyncio.Event()
        self._demand_short(self.length or 0)

    @property
    def has_ended(self) -> bool:
        """Whether all of it has been read."""
        return self._ended.is_set()

    async def ahead(self) -> bytes:
        """Read the beginning: all of it, where it is short.

        Raises:
            Gone: the browser has left.
            TurnedAway: it is too long, or does not come.
        """
        begin = bytearray()
        while not self.has_ended and len(begin) < KEPT:
            begin += await self._piece()
        return bytes(begin)

    async def rest(self, begin: bytes) -> AsyncIterator[bytes]:
        """Give the beginning and then what comes. Raises as `ahead`."""
        yield begin
        while not self.has_ended:
            yield await self._piece()

    async def gone(self) -> None:
        """Wait until the browser leaves; before the body has ended, that is for its reader."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _piece(self) -> bytes:
        try:
            async with asyncio.timeout(self._upstream.patience):
                message = await self._receive()
        except TimeoutError:
            raise TurnedAway(408, "too_slow", "The request did not come to its end.") from None
        if message["type"] == "http.disconnect":
            raise Gone
        piece: bytes = message.get("body", b"")
        self._read += len(piece)
        self._demand_short(self._read)
        if not message.get("more_body", False):
            self._ended.set()
        return piece

    def _demand_short(self, length: int) -> None:
        longest = self._upstream.longest_body
        if length > longest:
            raise TurnedAway(413, "too_long", f"A request has at most {longest} bytes.")
