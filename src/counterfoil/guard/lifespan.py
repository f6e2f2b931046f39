"""An app's lifespan starts and stops its guard, also where the app has none of its own (ASGI)."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from counterfoil.guard.guard import Guard

Scope = MutableMapping[str, Any]  # ASGI leaves the values open
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

WAIT_AT_START: Final = 5.0
"""Seconds that start-up waits for the issuers; it goes on without them."""


async def start(guard: Guard) -> None:
    """Start the guard and wait a little for its issuers, without holding up the event loop."""
    guard.start()
    await asyncio.to_thread(guard.wait_until_fresh, WAIT_AT_START)


async def guarded_lifespan(
    app: App, guard: Guard, scope: Scope, receive: Receive, send: Send
) -> None:
    """Run the app's lifespan: the guard is started before it, and stopped after it."""
    begun = False

    async def received() -> Message:
        nonlocal begun
        message = await receive()
        if message["type"] == "lifespan.startup":
            begun = True
            await start(guard)
        return message

    async def sent(message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.startup.failed"):
            await guard.aclose()
        await send(message)

    try:
        await app(scope, received, sent)
    except Exception:
        # An app that knows no lifespan says so by raising (ASGI, "Lifespan Protocol").
        if begun:
            raise
        await _own_lifespan(received, sent)


async def _own_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
