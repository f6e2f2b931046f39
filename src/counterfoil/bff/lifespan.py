"""An app's lifespan, at whose end connections are closed; also where it has none (ASGI)."""

from collections.abc import Awaitable, Callable

from counterfoil.bff.asgi import App, Message, Receive, Scope, Send

_LAST = ("lifespan.shutdown.complete", "lifespan.shutdown.failed", "lifespan.startup.failed")


async def run_lifespan(
    app: App | None,
    close: Callable[[], Awaitable[None]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Run the lifespan of the app within, if it has one; ``close`` before its last word."""
    begun = False

    async def received() -> Message:
        nonlocal begun
        message = await receive()
        begun = True
        return message

    async def sent(message: Message) -> None:
        if message["type"] in _LAST:
            await close()
        await send(message)

    try:
        if app is not None:
            await app(scope, received, sent)
            if begun:
                return
    except Exception:
        # An app that knows no lifespan says so by raising (ASGI, "Lifespan Protocol").
        if begun:
            raise
    await receive()
    await sent({"type": "lifespan.startup.complete"})
    await receive()
    await sent({"type": "lifespan.shutdown.complete"})
