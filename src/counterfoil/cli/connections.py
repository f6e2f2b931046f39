"""HTTP/1.1 connections that no slow, silent or endless peer can hold, and that end in order.

A request is answered once all of it has come; whoever takes too long over that, or over reading the
answer, is let go. And what a thousand followers are told at the same moment is sent without waking
a thousand tasks.
"""

import asyncio
from functools import partial
from typing import Any, Final

from msgspec import Struct
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from counterfoil.cli.answering import Header, whole_answer
from counterfoil.cli.beginning import begun
from counterfoil.cli.gathering import Gathering
from counterfoil.cli.turns import Turns
from counterfoil.server.endpoints.notices import PUSH
from counterfoil.server.web.answers import ANSWER
from counterfoil.server.web.reading import MAX_BODY

MOST_HEADERS: Final = 100
MOST_HEAD: Final = 65_536
MOST_UNFINISHED: Final = 262_144
"""Bytes of a request that is not complete: head, body, and all that stands around its chunks."""
MOST_PIPELINED: Final = 32
MOST_HEADERS_PIPELINED: Final = 400
"""In all that wait: each is a few bytes on the line, and a hundred and more here."""
KEEP_ALIVE_SECONDS: Final = 75
"""How long a connection may be idle between two requests: longer than proxies keep theirs."""
UNREAD_SECONDS: Final = 30.0
"""How long a peer may let an answer lie."""
DRAIN_SECONDS: Final = 1.0
"""When the server ends, a connection is there for one more request for so long."""
UPLOAD_SECONDS: Final = 4.0
"""And a request that has begun to come may come for so long."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LATE: Final = b"408 Request Timeout"
_LONG: Final = b"431 Request Header Fields Too Large"
_NOTHING_MORE: Final = b"connection: close\r\ncontent-length: 0\r\n\r\n"


class Patience(Struct, frozen=True):
    """How many connections a process has, and how many seconds each has for a request."""

    connections_most: int = 16_384
    request_seconds: float = 20.0


PATIENCE: Final = Patience()


class TooMuch(Exception):
    """A peer sends more at once than is read."""


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, over a transport that gathers.

    What ``turns`` has for brief gets a task only where it waits. ``owing_since`` (the loop's time)
    is set while the peer owes us a request, or the rest of one.
    """

    def __init__(
        self,
        *given: Any,
        patience: Patience = PATIENCE,
        turns: Turns | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*given, **named)
        self._patience = patience
        self._turns = turns or Turns()
        self.owing_since: float | None = None
        self._unread_since: float | None = None
        self._begun = False
        self._unfinished = 0
        self._held: tuple[RequestResponseCycle, ASGI3Application] | None = None
        self._ready: tuple[RequestResponseCycle, ASGI3Application] | None = None
        self._answered: RequestResponseCycle | None = None
        self._draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        """Begin; where there are too many, those go that have owed their request for longest."""
        self._gathering = Gathering(transport, self.loop)
        super().connection_made(self._gathering)
        self.owing_since = self.loop.time()
        if len(self.connections) > self._patience.connections_most:
            self._make_room()

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, Connection)]
        owing = [each for each in others if each.owes and each is not self]
        owing.sort(key=lambda each: each.owing_since or 0.0)
        for each in owing[: 1 + len(owing) // 16] or [self]:
            each.abort()

    @property
    def owes(self) -> bool:
        """Whether it is the peer's turn. What we do not read because more came is not owed."""
        return self.owing_since is not None and not self.pipeline

    def abort(self) -> None:
        """Let go of the peer at once."""
        self.connections.discard(self)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on, within bounds; the first that has come has its turn when all were read to."""
        super().data_received(data)
        if self.owing_since is not None:
            self._bound(len(data))
        if self._ready is not None:
            self._turns.put_off(self._begin, self.loop)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's says None, which is no
        """Answer what had come whole from a peer that sends no more, and then end (RFC 9112 §9.6).

        Gives whether the line stays open for that. What may go on for ever is no more answered: who
        is gone altogether looks the same.
        """
        cycle = self._answered
        if cycle is None or not self._is_answering or not self._is_brief(cycle):
            self.transport.close()  # after what was written, which may not have been passed on yet
            return False
        cycle.keep_alive = False
        return True

    def _is_brief(self, cycle: RequestResponseCycle) -> bool:
        return self._turns.is_brief(cycle.scope["path"])

    def _bound(self, more: int) -> None:
        self._unfinished += more
        most = MOST_HEAD if self._is_in_head else MOST_UNFINISHED
        if self._unfinished > most or len(self.headers or ()) > MOST_HEADERS:
            self._give_up(_LONG)

    def on_message_begin(self) -> None:
        """Begin a request; whoever answers it may do so in one piece, or push."""
        super().on_message_begin()
        self.owing_since, self._begun, self._unfinished = self.loop.time(), True, 0
        self.scope["extensions"] = {PUSH: {"push": self._push}, ANSWER: {"answer": self._answer}}

    def on_headers_complete(self) -> None:
        """Take up a request, unless too many wait behind one another on this connection."""
        if len(self.headers) > MOST_HEADERS or self._has_many_waiting:
            raise TooMuch
        super().on_headers_complete()
        # What stands behind the body is none of them (RFC 9110 §6.5.1): a proxy that says who asks
        # has not looked at it, and would be believed to have said it.
        self.headers = []
        if self.parser.should_upgrade():
            # What comes behind it in the same packet is not read as HTTP: it must not go on.
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Start it once its body is there, so that a slow one costs a connection and no more."""
        self._answered = cycle
        if self._draining:
            cycle.keep_alive = False
        if not cycle.more_body:
            super()._start_asgi_task(cycle, app)
            return
        self._held = cycle, app
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; one that is too long is refused before its end."""
        super().on_body(body)
        if self._held is not None and len(self._held[0].body) > MAX_BODY:
            self._start_held()

    def on_message_complete(self) -> None:
        """Answer what has come."""
        super().on_message_complete()
        self._begun = False
        # Where the answer was there before the body's end, it is the peer's turn again.
        self.owing_since = self.loop.time() if self.cycle.response_complete else None
        if self._held is not None:
            self._start_held()

    def _start_held(self) -> None:
        held, self._held = self._held, None
        if held is None:
            return
        cycle, app = held
        cycle.keep_alive &= not self._draining
        if self._is_brief(cycle):
            self._ready = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self) -> None:
        """Answer what is ready without a task, as far as nothing has to be waited for."""
        ready, self._ready = self._ready, None
        if ready is None:
            return
        cycle, app = ready
        task = begun(cycle.run_asgi(app), self.loop)
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def on_response_complete(self) -> None:
        """Take up the next request, or wait for it."""
        # One that came in part, behind others, was not read on till now.
        if self._begun or not self.pipeline:
            self.owing_since = self.loop.time()
        if not self._begun and not self.pipeline:
            self._unfinished = 0
        # As uvicorn does, but for its timer: `look` lets go of whoever is idle.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, but answer first what came before it."""
        if self.pipeline:
            self.abort()
        elif self._is_answering:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self._held = None
            super().send_400_response(msg)

    @property
    def _has_many_waiting(self) -> bool:
        headers = sum(len(cycle.scope["headers"]) for cycle, _ in self.pipeline)  # type: ignore[arg-type,misc]  # ASGI types headers as any iterable; uvicorn gives lists
        return len(self.pipeline) >= MOST_PIPELINED or headers > MOST_HEADERS_PIPELINED

    @property
    def _is_in_head(self) -> bool:
        return self._begun and "method" not in self.scope

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete and self._held is None

    @property
    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not self._begun and not self._unfinished

    def look(self, now: float) -> None:
        """Let go of a peer that has taken too long; ``now`` is the loop's time."""
        since, most = self._unread_since, UNREAD_SECONDS
        if self.transport.is_closing() and since is None:
            self._unread_since = now
        elif since is None and self.owes:
            since, most = self.owing_since, self._patience.request_seconds
            if self._is_idle:
                most = KEEP_ALIVE_SECONDS
        if since is not None and now - since >= most:
            self._give_up(_LATE)

    def _give_up(self, status: bytes) -> None:
        was_waiting_for_it = self._held is not None or (self._is_in_head and not self._is_answering)
        if was_waiting_for_it and not self.transport.is_closing():
            self._held = None
            self.transport.write(b"HTTP/1.1 %b\r\n%b" % (status, _NOTHING_MORE))
            self.transport.close()
        elif self._begun or self._unread_since is not None:
            self.abort()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Note that the peer does not read."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does."""
        self._unread_since = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; what was not begun by now will not be answered, and who is answered is gone."""
        self.owing_since = self._held = self._ready = None
        super().connection_lost(exc)
        self.pipeline.clear()
        answered = self._answered
        # uvicorn tells the request that came last, which may stand behind the one that is answered.
        if answered is not None and not answered.response_complete:
            answered.disconnected = True
            answered.message_event.set()

    def shutdown(self) -> None:
        """Let the peer send the request that may be on its way, or finish one, and then end."""
        self._draining = True
        if self._is_answering:
            self.cycle.keep_alive = False
            return
        self.loop.call_later(DRAIN_SECONDS, partial(self._end, was_long=False))
        self.loop.call_later(UPLOAD_SECONDS, partial(self._end, was_long=True))

    def _end(self, *, was_long: bool) -> None:
        if not self._is_answering and (was_long or not self._begun):
            self.transport.close()

    def _answer(self, status: int, headers: list[Header], body: bytes) -> bool:
        """Send a whole answer; ``False`` where that is not so simple, and nothing was sent."""
        cycle = self._answered
        if cycle is None or cycle.response_started or cycle.disconnected or not cycle.keep_alive:
            return False
        if self.flow.write_paused or cycle.scope["method"] == "HEAD":
            return False
        answer = whole_answer(status, [*self.server_state.default_headers, *headers], body)
        if not answer:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self._gathering.write(answer)
        self.on_response_complete()
        return True

    def _push(self, data: bytes) -> bool:
        """Send a chunk of a body that is under way (RFC 9112 §7.1), unless the reader is behind."""
        cycle = self.cycle
        if not cycle.chunked_encoding or cycle.response_complete:
            return False
        if self.flow.write_paused or self._gathering.is_closing():
            return False
        self._gathering.send(b"%x\r\n%b\r\n" % (len(data), data))
        return True
