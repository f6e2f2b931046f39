"""Reading an event stream of the app as an ASGI server would carry it."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from counterfoil.net.event_stream import Event, EventParser
from tests.installation import Installation


class Stream:
    """An answer as it comes in. ``status`` is known once the first event, or its end, is."""

    def __init__(self) -> None:
        self.status = 0
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._events: list[Event] = []
        self._parser = EventParser()
        self.has_ended = False

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self._chunks.put_nowait(message.get("body", b""))
            if not message.get("more_body"):
                self._chunks.put_nowait(None)

    async def next(self) -> Event | None:
        """The next event; ``None`` where the stream has ended."""
        while not self._events and not self.has_ended:
            chunk = await asyncio.wait_for(self._chunks.get(), 10)
            if chunk is None:
                self.has_ended = True
            else:
                self._events += self._parser.feed(chunk)
        return self._events.pop(0) if self._events else None

    async def next_named(self, name: str) -> Event | None:
        """The next event of a name, within some seconds."""
        async with asyncio.timeout(10):
            while (event := await self.next()) is not None:
                if event.name == name:
                    return event
        return None


@asynccontextmanager
async def streaming(
    place: Installation, path: str, query: str = "", **headers: str
) -> AsyncIterator[Stream]:
    """Read a stream until the context is left."""
    stream, gone = Stream(), asyncio.Event()

    async def receive() -> dict[str, object]:
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
    }
    task = asyncio.create_task(place.app(scope, receive, stream.take))
    try:
        yield stream
    finally:
        gone.set()
        task.cancel()
        await asyncio.wait([task])


def basic(client_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()
