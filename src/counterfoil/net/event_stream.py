"""Server-sent events: the parser and the writer (WHATWG HTML, "Server-sent events"). Pure."""

import re
from typing import Final

from msgspec import Struct

MAX_EVENT_BYTES: Final = 256 * 1024
"""How long a line, and the data of one event, may be, unless the caller says otherwise."""

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_WHOLE: Final = re.compile(rb"(?:event: ([^\r\n]+)\n)?(?:id: ([^\r\n\0]*)\n)?data: ([^\r\n]*)\n\n")
"""One event as it is mostly written and sent: it need not be taken apart line by line."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class TooLong(ValueError):
    """A line or an event is longer than it may be."""


class Event(Struct, frozen=True):
    """One event. ``last_id`` is the last ``id`` that the stream has given, this event's or not."""

    name: str
    data: str
    last_id: str = ""


class EventParser:
    """From the bytes of a stream to its events, however the bytes are cut into chunks."""

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._begun = False
        self._after_cr = False
        self._partial = bytearray()
        self._name = ""
        self._data: list[str] = []
        self._data_size = 0
        self._last_id = ""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; give the events that they complete.

        Raises:
            TooLong: where a line or an event passes the bound. The stream cannot be used further.
        """
        if not chunk:
            return []
        whole = None if self._is_within_event else _WHOLE.fullmatch(chunk)
        if whole is not None and len(chunk) <= self._max_bytes:
            return [self._take_whole(whole)]
        fresh = chunk[1:] if self._after_cr and chunk.startswith(b"\n") else chunk
        self._after_cr = chunk.endswith(b"\r")
        # A thousand lines without a carriage return are split in the time of twenty with one.
        *lines, rest = _LINE_END.split(fresh) if b"\r" in fresh else fresh.split(b"\n")
        if lines:
            lines[0] = self._completed(lines[0])
        events = []
        for line in lines:
            event = self._take(line)
            if event is not None:
                events.append(event)
        if rest:
            self._keep(rest)
        return events

    @property
    def _is_within_event(self) -> bool:
        return bool(self._partial or self._name or self._data)

    def _take_whole(self, event: re.Match[bytes]) -> Event:
        self._begun, self._after_cr = True, False
        name, last_id, data = event.groups()
        if last_id is not None:
            self._last_id = last_id.decode("utf-8", "replace")
        named = "message" if name is None else name.decode("utf-8", "replace")
        return Event(named, data.decode("utf-8", "replace"), self._last_id)

    def _keep(self, part: bytes) -> None:
        self._partial += part
        self._demand_short(len(self._partial))

    def _demand_short(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLong(f"a line of the event stream is longer than {self._max_bytes} bytes")

    def _completed(self, end: bytes) -> bytes:
        if self._partial:
            self._keep(end)
            end = bytes(self._partial)
            self._partial.clear()
        if not self._begun:
            self._begun = True
            end = end.removeprefix(_BYTE_ORDER_MARK)
        return end

    def _take(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        self._demand_short(len(line))
        field, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                self._name = value
            case "data":
                self._append(value)
            case "id" if "\0" not in value:
                self._last_id = value
        return None

    def _append(self, value: str) -> None:
        self._data.append(value)
        self._data_size += len(value) + 1
        if self._data_size > self._max_bytes:
            raise TooLong(f"an event of the stream is longer than {self._max_bytes} bytes")

    def _dispatch(self) -> Event | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._data_size = "", [], 0
        return Event(name, "\n".join(data), self._last_id) if data else None


def event(name: str, data: str | bytes, event_id: str = "") -> bytes:
    r"""Write one event. ``data`` may have several lines; a ``\r`` in it arrives as ``\n``.

    Raises:
        ValueError: where the name or the id would break out of its line.
    """
    if any(sign in text for text in (name, event_id) for sign in "\r\n\0"):
        raise ValueError("the name and the id of an event must stand in one line")
    text = data.encode() if isinstance(data, str) else data
    head = f"event: {name}\n" + (f"id: {event_id}\n" if event_id else "")
    body = b"".join(b"data: " + line + b"\n" for line in _LINE_END.split(text))
    return head.encode() + body + b"\n"
