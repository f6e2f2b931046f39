"""What is written to a connection within one turn of the loop leaves in one piece.

uvicorn writes the head and the body of an answer apart, and uvloop hands each write to the kernel
at once: two packets, and twice the waking of whoever waits for them. Gathered, an introspection
costs a third less.
"""

import asyncio
from typing import Any, Final

MOST_GATHERED: Final = 65_536
"""Bytes that wait for the loop's next turn at the most."""


class Gathering(asyncio.Transport):
    """Passes on, in the loop's next turn and in one piece, what was written in this one."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._written: list[bytes | bytearray | memoryview] = []
        self._gathered = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what is to be sent."""
        if not self._written:
            self._loop.call_soon(self._pass_on)
        self._written.append(data)
        self._gathered += len(data)
        if self._gathered > MOST_GATHERED:
            # The transport below tells its writer when the reader cannot keep up.
            self._pass_on()

    def send(self, data: bytes) -> None:
        """Send at once, after what has been gathered."""
        self._pass_on()
        self._transport.write(data)

    def _pass_on(self) -> None:
        written, self._written = self._written, []
        self._gathered = 0
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))

    def close(self) -> None:
        """Close, after all that was written has been sent."""
        self._pass_on()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._written = []
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the connection is closing, or closed."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell of the socket."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Read nothing for a while."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self._transport.set_protocol(protocol)
