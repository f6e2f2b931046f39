"""The lines of the NATS protocol as a server sends them, read in time that depends on their length.

nats-py's own parser matches patterns that a hostile line makes take minutes, and keeps whatever a
server announces.
"""

import asyncio
from typing import Any, Final, Protocol

from nats import errors
from nats.protocol import parser as natspy

from counterfoil.jose import strict_json
from counterfoil.jose.errors import JoseError

MOST_BYTES: Final = 4 * 1024 * 1024
"""How long a message may be, and how much may wait to be read."""
MOST_AT_ONCE: Final = 1024 * 1024
"""Bytes that may come at once, or after a while of none, where there is a bound to them."""
MOST_LINE: Final = 64 * 1024
_END: Final = b"\r\n"


class Handling(Protocol):
    """What nats-py does with each."""

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None: ...
    async def _process_info(self, info: dict[str, Any], initial_connection: bool = ...) -> None: ...
    async def _process_err(self, err_msg: str) -> None: ...
    async def _process_ping(self) -> None: ...
    async def _process_pong(self) -> None: ...


class Parser(natspy.Parser):
    """From the bytes of a connection to what the client is to do, however they are cut.

    ``a_second``: how many may come in the long run, for to read them takes time.

    Raises:
        ProtocolError: they are none of NATS's, or more than may be.
    """

    def __init__(self, client: Handling, a_second: float = float("inf")) -> None:
        super().__init__(client)
        self._client = client
        self._a_second = a_second
        self._clean_at = 0.0
        self._message: tuple[int, bytes, bytes, int, int] | None = None

    def reset(self) -> None:
        """Begin anew, for another connection."""
        super().reset()
        self._message = None

    async def parse(self, data: bytes = b"") -> None:
        """Take the next bytes."""
        now = asyncio.get_running_loop().time()
        self._clean_at = max(self._clean_at, now) + len(data) / self._a_second
        if self._clean_at > now + MOST_AT_ONCE / self._a_second:
            raise errors.ProtocolError
        self.buf.extend(data)
        try:
            while await (self._deliver() if self._message else self._obey()):
                pass
        except (AttributeError, LookupError, TypeError, ValueError):
            # What nats-py makes of headers and the like that are not as they should be.
            raise errors.ProtocolError from None

    async def _obey(self) -> bool:
        """Take a line, if a whole one is here."""
        end = self.buf.find(_END, 0, MOST_LINE)
        if end < 0:
            if len(self.buf) > MOST_LINE:
                raise errors.ProtocolError
            return False
        line = bytes(self.buf[:end])
        del self.buf[: end + len(_END)]
        verb, _, rest = line.partition(b" ")
        match verb.upper():
            case b"MSG" | b"HMSG":
                self._announce(rest.split(), has_headers=len(verb) == len(b"HMSG"))
            case b"PING":
                await self._client._process_ping()
            case b"PONG":
                await self._client._process_pong()
            case b"-ERR":
                await self._client._process_err(rest.decode("utf-8", "replace").lower())
            case b"INFO":
                await self._client._process_info(_info_in(rest))
            case b"+OK":
                pass
            case _:
                raise errors.ProtocolError
        return True

    def _announce(self, words: list[bytes], *, has_headers: bool) -> None:
        """``subject sid [reply] [length of the headers] length``."""
        lengths = words[-2:] if has_headers else [b"0", *words[-1:]]
        subject, sid, *reply = words[: -2 if has_headers else -1] or [b""] * 4
        numbers = [sid, *lengths]
        if len(reply) > 1 or not all(each.isdigit() and len(each) < 10 for each in numbers):
            raise errors.ProtocolError
        number, headers, length = map(int, numbers)
        if not headers <= length <= MOST_BYTES:
            raise errors.ProtocolError
        self._message = number, subject, b"".join(reply), headers, length

    async def _deliver(self) -> bool:
        """Take what was announced, if all of it is here."""
        if self._message is None:
            return False
        sid, subject, reply, headers, length = self._message
        if len(self.buf) < length + len(_END):
            return False
        if self.buf[length : length + len(_END)] != _END:
            raise errors.ProtocolError
        head, body = bytes(self.buf[:headers]), bytes(self.buf[headers:length])
        del self.buf[: length + len(_END)]
        self._message = None
        await self._client._process_msg(sid, subject, reply, body, head)
        return True


def _info_in(text: bytes) -> dict[str, Any]:
    try:
        return strict_json.decode_object(text)
    except JoseError:
        raise errors.ProtocolError from None
