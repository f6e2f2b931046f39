"""An app's lifespan starts and stops its guard, also where the app has none of its own (ASGI)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from counterfoil.guard.gate import Gate

Scope = MutableMapping[str, Any]  # ASGI leaves the values open
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def guarded_lifespan(
    app: App, gate: Gate, scope: Scope, receive: Receive, send: Send
) -> None:
    """Run the app's lifespan: the guard is started before it, and stopped after it."""
    begun = False

    async def received() -> Message:
        nonlocal begun
        message = await receive()
        if message["type"] == "lifespan.startup":
            begun = True
            await gate.start()
        return message

    async def sent(message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.startup.failed"):
            await gate.guard.aclose()
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
