"""An event loop for a thread of one's own, which can still call somebody as the process ends.

By then (``atexit``) no thread is begun any more, and the pools of those that were have ended. But
asyncio looks up the names of hosts in such a pool.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Any


class OwnLoop(asyncio.SelectorEventLoop):
    """Looks names up by itself where no other thread will: nothing else waits for it by then."""

    async def getaddrinfo(self, host: Any, port: Any, **further: Any) -> Any:
        """Do as any event loop, or hold this one up for so long."""
        try:
            return await super().getaddrinfo(host, port, **further)
        except RuntimeError:
            return socket.getaddrinfo(host, port, **further)

    async def shutdown_default_executor(self, *_: object) -> None:
        """Do as any event loop; where the process ends the threads have ended by themselves."""
        with suppress(RuntimeError):
            await super().shutdown_default_executor()
